// DOM helpers: create and update elements; an update without a difference writes nothing.

export const byId = (id) => document.getElementById(id);

const creator =
  (namespace) =>
  (tag, attributes = {}, ...children) => {
    const node = document.createElementNS(namespace, tag);
    setAttributes(node, attributes);
    node.append(...children);
    return node;
  };

export const element = creator(document.documentElement.namespaceURI);
export const shape = creator("http://www.w3.org/2000/svg");

/** null removes an attribute. */
export function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

/** Calls `act` instead of submitting the form. */
export function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}

/** Updates the children to match the items; elements are reused, so that they keep the focus. */
export function drawList(parent, items, create, update) {
  while (parent.children.length > items.length) parent.lastChild.remove();
  items.forEach((item, index) => {
    const node = parent.children[index] ?? parent.appendChild(create());
    update(node, item, index);
  });
}

/** `drawList` of empty SVG elements. */
export const drawShapes = (parent, items, tag, update) => drawList(parent, items, () => shape(tag), update);

/** Icon paths that distinguish states without colour, on a 16 × 16 grid. */
export const MARKS = {
  good: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1M4.5 8.2l2.5 2.5 4.7-5.2",
  attention: "M8 1.5L15 14.5H1zM8 6v4M8 12v.6",
  bad: "M5 1h6l4 4v6l-4 4H5l-4-4V5zM5.5 5.5l5 5M10.5 5.5l-5 5",
  waiting: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1M8 4v4.5l3 2",
};
