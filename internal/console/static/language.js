// A browser that is started with the locale C may have a language that its own functions refuse.
// Charts could not be drawn then.
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US" });
}
