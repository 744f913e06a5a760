// Every visible text whose contrast with what lies under it is below `least`, and every placeholder.
// Answers [[where, ratio, text], ...]. Colours are read through a canvas, so any way of writing them is understood.
(least) => {
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ancestors = (element) => (element ? [element, ...ancestors(element.parentElement)] : []);
  const ground = (element) => {
    let under = read(getComputedStyle(document.documentElement).backgroundColor).slice(0, 3);
    for (const one of ancestors(element).reverse()) under = over(read(getComputedStyle(one).backgroundColor), under);
    return under;
  };
  const ratio = (element, style) => {
    const colour = read(style.color);
    const seen = ancestors(element).reduce((share, one) => share * Number(getComputedStyle(one).opacity), 1);
    if (seen === 0) return Infinity;
    colour[3] *= seen * (style === getComputedStyle(element) ? 1 : Number(style.opacity));
    const under = ground(element);
    const [light, dark] = [luminance(over(colour, under)), luminance(under)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const visible = (node) => {
    const range = document.createRange();
    range.selectNode(node);
    const { width, height } = range.getBoundingClientRect();
    return width > 0 && height > 0;
  };
  const weak = [];
  const note = (element, style, text) => {
    const value = ratio(element, style);
    if (value < least) weak.push([element.className || element.tagName, Number(value.toFixed(2)), text.slice(0, 40)]);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    if (!text || element.closest("script, style, noscript, option, .unseen, :disabled") || !visible(texts.currentNode)) continue;
    note(element, getComputedStyle(element), text);
  }
  for (const field of document.querySelectorAll("input:placeholder-shown")) note(field, getComputedStyle(field, "::placeholder"), field.placeholder);
  return weak;
};
