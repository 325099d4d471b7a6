// Pictures to choose from; each is a button with a name.
const root = element.querySelector(".gallery");
function draw() {
  root.replaceChildren();
  (props.value || []).forEach((item, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = item.label;
    const picture = document.createElement("img");
    picture.src = item.src;
    picture.alt = item.label;
    button.append(picture);
    button.addEventListener("click", () => trigger("edit", { index }));
    root.append(button);
  });
}
draw();
watch("value", draw);
