// Draws both documents. Everything is set as text, never as markup.

const at = (id) => document.getElementById(id);

function make(tag, text, ...children) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  element.append(...children.filter(Boolean));
  return element;
}

function quiet(tag, text) {
  const element = make(tag, text);
  element.className = "quiet";
  return element;
}

// --- schemas as they would be written ---------------------------------------------

function nameOf(ref) { return ref.split("/").at(-1); }

function written(schema, parts, depth = 0) {
  if (!schema || depth > 6) return "…";
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return depth > 2 ? name : `${name} ${written(parts[name], parts, depth + 1)}`;
  }
  const several = schema.anyOf || schema.oneOf;
  if (several) return several.map((one) => written(one, parts, depth + 1)).join(" | ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") {
    const items = schema.items && schema.items !== false ? schema.items : schema.prefixItems?.[0];
    return `[${written(items || {}, parts, depth + 1)}]`;
  }
  if (schema.type === "object") return objectOf(schema, parts, depth);
  return schema.type || "any";
}

function objectOf(schema, parts, depth) {
  const pad = "  ".repeat(depth + 1);
  const needed = new Set(schema.required || []);
  const lines = Object.entries(schema.properties || {}).map(([name, field]) =>
    `${pad}${name}${needed.has(name) ? "" : "?"}: ${written(field, parts, depth + 1)}`);
  if (!lines.length) return `{…: ${written(schema.additionalProperties || {}, parts, depth + 1)}}`;
  return `{\n${lines.join(",\n")}\n${"  ".repeat(depth)}}`;
}

// --- one route ------------------------------------------------------------------------

function bodyOf(title, content, parts) {
  const blocks = Object.entries(content || {}).map(([media, { schema, example }]) => make("div", "",
    quiet("p", `${title}, ${media}`),
    make("pre", written(schema, parts)),
    example && make("pre", `e.g. ${JSON.stringify(example)}`)));
  return make("div", "", ...blocks);
}

function parametersOf(parameters) {
  if (!parameters?.length) return null;
  const rows = parameters.map((one) => make("tr", "",
    make("td", "", make("code", one.name)), make("td", one.in),
    make("td", written(one.schema, {})), make("td", one.description || "")));
  return make("table", "", ...rows);
}

function routeOf(path, method, route, parts) {
  const verb = make("span", method.toUpperCase());
  verb.className = "method";
  const head = make("summary", "", verb, make("code", path), quiet("span", ` ${route.summary}`));
  const statuses = Object.entries(route.responses).map(([status, said]) =>
    make("tr", "", make("td", status), make("td", said.description)));
  const inside = make("div", "",
    make("p", route.description || "Needs no sign-in."),
    parametersOf(route.parameters),
    route.requestBody && bodyOf("Body", route.requestBody.content, parts),
    bodyOf("Answer", route.responses["200"].content, parts),
    make("table", "", ...statuses));
  const element = make("details", "", head, inside);
  element.dataset.words = `${method} ${path} ${route.summary}`.toLowerCase();
  return element;
}

function drawRest(spec) {
  const parts = spec.components.schemas;
  const groups = new Map();
  for (const [path, methods] of Object.entries(spec.paths))
    for (const [method, route] of Object.entries(methods)) {
      const tag = route.tags[0];
      if (!groups.has(tag)) groups.set(tag, make("div", "", make("h3", tag)));
      groups.get(tag).append(routeOf(path, method, route, parts));
    }
  at("rest").append(make("p", spec.info.description), ...groups.values());
}

// --- the stream ---------------------------------------------------------------------------

function messageOf(message, parts) {
  const head = make("summary", "", make("code", message.name), quiet("span", ` ${message.summary || ""}`));
  const element = make("details", "", head, make("div", "", make("pre", written(message.payload, parts))));
  element.dataset.words = message.name.toLowerCase();
  return element;
}

function drawStream(spec) {
  const { messages, schemas } = spec.components;
  const under = (operation) => spec.operations[operation].messages
    .map((one) => messageOf(messages[nameOf(one.$ref)], schemas));
  at("stream").append(make("p", spec.info.description),
    make("h3", "What the engine tells"), ...under("tell"),
    make("h3", "What a client may say"), ...under("say"));
}

async function load(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

at("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const element of document.querySelectorAll("details"))
    element.hidden = !words.every((word) => element.dataset.words.includes(word));
});

try {
  drawRest(await load("/openapi.json"));
  drawStream(await load("/asyncapi.json"));
} catch (error) {
  at("fault").hidden = false;
  at("fault").textContent = `The documents could not be drawn: ${error.message}`;
}
