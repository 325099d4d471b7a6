// Rows of labelled fields in groups: sliders, choices. Each change is told as (row, cell, value).
const make = (tag, attributes = {}, text = "") => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
};
const root = element.querySelector(".rows");

function input(row, cell) {
  const label = cell.label ? `${row.label}, ${cell.label}` : row.label;
  if (cell.options) {
    const select = make("select", { "aria-label": label });
    for (const option of cell.options) select.append(make("option", { value: option }, option));
    select.value = cell.value;
    select.addEventListener("change", () => trigger("edit", { row: row.id, cell: cell.id, value: select.value }));
    return [select];
  }
  const range = make("input", { type: "range", "aria-label": label, min: cell.min, max: cell.max, step: cell.step, value: cell.value });
  const shown = make("output", {}, String(cell.value));
  range.addEventListener("input", () => (shown.textContent = range.value));
  range.addEventListener("change", () => trigger("edit", { row: row.id, cell: cell.id, value: +range.value }));
  return [range, shown];
}

function line(row) {
  const node = make("div", { class: "row", "data-row": row.id });
  const name = make("div", { class: "name", title: row.hint || "" }, row.label);
  const cells = make("div", { class: "cells" });
  for (const cell of row.cells) {
    const wrap = make("div", { class: "cell" });
    if (cell.label) wrap.append(make("i", { "aria-hidden": "true" }, cell.label[0].toUpperCase()));
    wrap.append(...input(row, cell));
    cells.append(wrap);
  }
  node.append(name, cells);
  return node;
}

function draw() {
  root.replaceChildren();
  if (!props.value) return;
  const { groups, add } = props.value;
  for (const group of groups) {
    const part = make("section", { class: "group", "aria-label": group.title });
    if (group.title) part.append(make("h4", {}, group.title));
    part.append(...group.rows.map(line));
    root.append(part);
  }
  if (!add) return;
  const select = make("select", { class: "add", "aria-label": add.label });
  select.append(make("option", { value: "" }, add.label));
  for (const [value, label] of add.options) select.append(make("option", { value }, label));
  select.addEventListener("change", () => select.value && trigger("edit", { row: select.value, cell: "add", value: 0 }));
  root.append(select);
}
draw();
watch("value", draw);
