// Valence to the right, arousal upwards. Click, drag or use the arrow keys; the path shows where the plan goes.
const SIZE = 200;
const svgNode = (tag, attributes, text = "") => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
};
const root = element.querySelector(".pad");
const x = (valence) => ((valence + 1) / 2) * SIZE;
const y = (arousal) => ((1 - arousal) / 2) * SIZE;
const clip = (value) => Math.min(1, Math.max(-1, value));

function draw() {
  root.replaceChildren();
  if (!props.value) return;
  const { points, selected } = props.value;
  let { valence, arousal } = points[selected];
  const svg = svgNode("svg", { viewBox: `-2 -2 ${SIZE + 4} ${SIZE + 4}` });
  svg.append(svgNode("rect", { x: 0, y: 0, width: SIZE, height: SIZE, rx: 10, class: "ground" }));
  svg.append(svgNode("line", { x1: SIZE / 2, x2: SIZE / 2, y1: 0, y2: SIZE, class: "cross" }));
  svg.append(svgNode("line", { x1: 0, x2: SIZE, y1: SIZE / 2, y2: SIZE / 2, class: "cross" }));
  for (const [text, left, top, anchor] of [
    ["excited", SIZE / 2, 11, "middle"],
    ["calm", SIZE / 2, SIZE - 5, "middle"],
    ["unpleasant", 5, SIZE / 2 - 4, "start"],
    ["pleasant", SIZE - 5, SIZE / 2 - 4, "end"],
  ])
    svg.append(svgNode("text", { x: left, y: top, "text-anchor": anchor }, text));
  svg.append(svgNode("polyline", { points: points.map((p) => `${x(p.valence)},${y(p.arousal)}`).join(" "), class: "path" }));
  for (const point of points) svg.append(svgNode("circle", { cx: x(point.valence), cy: y(point.arousal), r: 4, class: "stop" }));
  const dot = svgNode("circle", { r: 8, class: "dot" });
  svg.append(dot);
  const place = () => {
    dot.setAttribute("cx", x(valence));
    dot.setAttribute("cy", y(arousal));
    svg.setAttribute("aria-valuetext", `pleasantness ${valence.toFixed(2)}, excitement ${arousal.toFixed(2)}`);
    svg.setAttribute("aria-valuenow", valence.toFixed(2));
  };
  for (const [name, value] of Object.entries({
    tabindex: "0", role: "slider", "aria-label": "Pleasantness and excitement of the selected segment", "aria-valuemin": "-1",
    "aria-valuemax": "1",
  }))
    svg.setAttribute(name, value);
  place();
  const done = () => trigger("edit", { valence, arousal });
  const follow = (event) => {
    const box = svg.getBoundingClientRect();
    valence = clip(((event.clientX - box.left) / box.width) * 2 - 1);
    arousal = clip(1 - ((event.clientY - box.top) / box.height) * 2);
    place();
  };
  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    svg.focus();
    svg.setPointerCapture(event.pointerId);
    follow(event);
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerup", () => (svg.removeEventListener("pointermove", follow), done()), { once: true });
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    valence = clip(valence + 0.05 * step[0]);
    arousal = clip(arousal + 0.05 * step[1]);
    place();
    clearTimeout(svg.timer);
    svg.timer = setTimeout(done, 400);
  });
  root.append(svg);
}
draw();
watch("value", draw);
