export { EditorView, keymap, lineNumbers, highlightSpecialChars, drawSelection } from "@codemirror/view";
export { EditorState } from "@codemirror/state";
export { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
export { bracketMatching, indentOnInput, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
export { json, jsonParseLinter } from "@codemirror/lang-json";
export { linter } from "@codemirror/lint";
export { tags } from "@lezer/highlight";
