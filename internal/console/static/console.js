// Scripts of every page.
import "./complete.js";
import "./copy.js";
import "./keys.js";
import "./query.js";
