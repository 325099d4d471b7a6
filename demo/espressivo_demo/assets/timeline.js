// The plan's segments as a bar: press one to select it, drag a border (or use the arrow keys) to move it, edit its fields below.
const MIN_SEGMENT_S = 0.3;
const make = (tag, attributes = {}, text = "") => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
};
const root = element.querySelector(".timeline");
const percent = (seconds) => (100 * seconds) / props.value.duration_s;
const clock = (seconds) => `${(+seconds).toFixed(1)} s`;

function curve(values, className, label) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", values.map((v, i) => `${(1000 * i) / (values.length - 1)},${50 - 44 * v}`).join(" "));
  line.setAttribute("class", className);
  line.setAttribute("aria-label", label);
  return line;
}

function band(segment, index) {
  const button = make("button", {
    type: "button",
    class: "band",
    "aria-pressed": String(index === props.value.selected),
    title: `${segment.label}, ${clock(segment.start_s)} to ${clock(segment.end_s)}`,
    style: `left:${percent(segment.start_s)}%;width:${percent(segment.end_s - segment.start_s)}%;--tint:${segment.colour}`,
  });
  button.append(make("b", {}, segment.label), make("span", {}, `${Math.round(100 * segment.intensity)} %`));
  button.addEventListener("click", () => trigger("edit", { what: "select", index }));
  return button;
}

function border(index) {
  const { segments } = props.value;
  const low = segments[index].start_s + MIN_SEGMENT_S;
  const high = segments[index + 1].end_s - MIN_SEGMENT_S;
  let time = segments[index].end_s;
  const handle = make("div", {
    class: "border",
    role: "slider",
    tabindex: "0",
    "aria-label": `Border between ${segments[index].label} and ${segments[index + 1].label}`,
    "aria-valuemin": low.toFixed(2),
    "aria-valuemax": high.toFixed(2),
  });
  const place = (wanted) => {
    time = Math.min(Math.max(wanted, low), Math.max(low, high));
    handle.style.left = `${percent(time)}%`;
    handle.setAttribute("aria-valuenow", time.toFixed(2));
    handle.setAttribute("aria-valuetext", clock(time));
  };
  place(time);
  const done = () => trigger("edit", { what: "border", index, value: time });
  handle.addEventListener("pointerdown", (down) => {
    down.preventDefault();
    handle.setPointerCapture(down.pointerId);
    const bar = handle.parentElement.getBoundingClientRect();
    const move = (event) => place(((event.clientX - bar.left) / bar.width) * props.value.duration_s);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", () => (handle.removeEventListener("pointermove", move), done()), { once: true });
  });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.1, ArrowRight: 0.1, PageDown: -1, PageUp: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    place(time + step);
    clearTimeout(handle.timer);
    handle.timer = setTimeout(done, 400);
  });
  return handle;
}

function field(label, input) {
  const wrap = make("label", { class: "field" });
  wrap.append(make("span", {}, label), input);
  return wrap;
}

function fields() {
  const { segments, selected, names } = props.value;
  const segment = segments[selected];
  const row = make("div", { class: "fields" });
  const emotion = make("input", { type: "text", value: segment.emotion, list: "emotion-names", maxlength: "200" });
  emotion.addEventListener("change", () => trigger("edit", { what: "emotion", index: selected, value: emotion.value }));
  const intensity = make("input", { type: "range", min: "0", max: "1", step: "0.05", value: String(segment.intensity) });
  intensity.addEventListener("change", () => trigger("edit", { what: "intensity", index: selected, value: +intensity.value }));
  row.append(field("Emotion", emotion), field("Intensity", intensity));
  const time = (label, value, index, isFixed) => {
    const input = make("input", { type: "number", step: "0.1", min: "0", value: value.toFixed(1) });
    input.disabled = isFixed;
    input.addEventListener("change", () => trigger("edit", { what: "border", index, value: +input.value }));
    return field(label, input);
  };
  row.append(time("From, s", segment.start_s, selected - 1, selected === 0));
  row.append(time("To, s", segment.end_s, selected, selected === segments.length - 1));
  const split = make("button", { type: "button", class: "quiet" }, "Split");
  split.addEventListener("click", () => trigger("edit", { what: "split", index: selected }));
  const remove = make("button", { type: "button", class: "quiet" }, "Remove");
  remove.disabled = segments.length === 1;
  remove.addEventListener("click", () => trigger("edit", { what: "remove", index: selected }));
  const buttons = make("div", { class: "buttons" });
  buttons.append(split, remove);
  const list = make("datalist", { id: "emotion-names" });
  for (const name of names) list.append(make("option", { value: name }));
  row.append(buttons, list);
  return row;
}

function draw() {
  root.replaceChildren();
  if (!props.value) return;
  const { segments, curves, duration_s } = props.value;
  const bar = make("div", { class: "bar", role: "group", "aria-label": "Segments of the plan" });
  bar.append(...segments.map(band));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(curve(curves.valence, "valence", "valence"), curve(curves.arousal, "arousal", "arousal"));
  bar.append(svg, ...segments.slice(0, -1).map((_, index) => border(index)));
  const axis = make("div", { class: "axis" });
  axis.append(make("span", {}, "0 s"), make("span", { class: "legend valence" }, "pleasant"));
  axis.append(make("span", { class: "legend arousal" }, "excited"), make("span", {}, clock(duration_s)));
  root.append(bar, axis, fields());
}
draw();
watch("value", draw);
