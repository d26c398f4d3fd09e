// Makes the form easier to fill in: an editor for JSON, and one more input when the last one is used.
// The text area has the data in any case.

const area = document.getElementById("data");
const format = document.getElementById("format");
let editor; // the element with the editor, when it is loaded

// theme returns the styles of the editor, with the colours of the pages.
const theme = (EditorView) => EditorView.theme({
  "&": { border: "1px solid var(--control)", borderRadius: "var(--radius)", background: "var(--background)", color: "var(--text)", fontSize: ".8125rem" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", minHeight: "9rem", maxHeight: "24rem", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { background: "var(--surface)", color: "var(--muted)", border: "0" },
  "&.cm-focused .cm-matchingBracket": { background: "var(--selected)" },
  ".cm-tooltip": { background: "var(--raised)", color: "var(--text)", border: "1px solid var(--control)" },
});

// extensions returns what the editor consists of.
function extensions(cm) {
  const { EditorView, tags } = cm;
  const parse = cm.jsonParseLinter();
  return [
    cm.lineNumbers(),
    cm.history(),
    cm.drawSelection(),
    cm.indentOnInput(),
    cm.bracketMatching(),
    cm.json(),
    cm.syntaxHighlighting(cm.HighlightStyle.define([
      { tag: tags.propertyName, color: "var(--name)" },
      { tag: tags.string, color: "var(--string)" },
      { tag: [tags.number, tags.bool, tags.null], color: "var(--literal)" },
    ])),
    cm.linter((view) => (view.state.doc.length === 0 ? [] : parse(view))),
    cm.keymap.of([...cm.defaultKeymap, ...cm.historyKeymap]),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": "Data, as JSON" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) {
        area.value = update.state.doc.toString();
      }
    }),
    theme(EditorView),
  ];
}

// open adds an editor. It is in a shadow root, where it uses constructed style sheets: the policy of
// the pages forbids the style elements that it would add to the document.
async function open() {
  editor = document.createElement("div");
  area.after(editor);
  const cm = await import("/static/lib/codemirror.min.js");
  const root = editor.attachShadow({ mode: "open" });
  const state = cm.EditorState.create({ doc: area.value, extensions: extensions(cm) });
  return new cm.EditorView({ root, parent: root, state });
}

// choose shows the editor for JSON, and the text area for text.
let view; // a promise of the editor
async function choose() {
  const json = format.value === "json";
  if (json) {
    view ??= open();
    const { state, dispatch } = await view;
    if (state.doc.toString() !== area.value) {
      dispatch.call(await view, { changes: { from: 0, to: state.doc.length, insert: area.value } });
    }
  }
  if (editor) {
    editor.hidden = !json;
  }
  area.hidden = json;
}

// more adds an empty input of the same name when the last one is used.
function more(input) {
  const inputs = [...input.closest("[data-more]")?.querySelectorAll("input") ?? []];
  if (input === inputs.at(-1) && input.value !== "") {
    const empty = document.createElement("input");
    empty.name = input.name;
    empty.ariaLabel = input.ariaLabel;
    Object.assign(empty.dataset, input.dataset);
    input.closest("[data-more]").append(empty);
  }
}

document.addEventListener("input", (event) => more(event.target));

// A button that appends is disabled once the form has been sent. The server recognises a second
// time in any case.
const setDisabled = (disabled) => {
  for (const button of document.querySelectorAll("button.once")) {
    button.disabled = disabled;
  }
};
document.addEventListener("submit", () => setTimeout(setDisabled, 0, true));
addEventListener("pageshow", () => setDisabled(false)); // also when the browser goes back

if (format) {
  format.addEventListener("change", choose);
  choose();
}
