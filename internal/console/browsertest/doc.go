// Package browsertest tests the console in a real browser: it opens every page that links lead to,
// in light and dark, on a wide and a narrow screen, and checks that the browser reports no error and
// axe-core no violation. It also makes the pictures of docs/console.md.
//
// The browser is that of the system, or headless Chromium from an npm package, which is unpacked
// into .cache/ at the root of the repository, as axe-core is. Without one the tests are skipped, or
// fail if CI is set or UMADB_TEST_INTEROP=required. UMADB_TEST_BROWSER=npm selects the npm package;
// UMADB_TEST_BROWSER=none skips the tests on platforms for which the package has no browser.
package browsertest
