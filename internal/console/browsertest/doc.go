// Package browsertest tests the console in a real browser. On a store of a million events, which the
// benchmark of the console makes, TestPages opens pages of every kind that links lead to, in light and
// dark, on a wide and a narrow screen, and checks that the browser reports no error and axe-core no
// violation. TestReleasedServer opens the pages of "umadb console" for the released server. The
// screenshots are in .cache/screenshots. TestPictures makes the pictures of docs/console.md.
//
// Tests run in parallel, each in a tab and with a server of its own. They wait for what a page shows,
// and stop pages that ask the server again and again before they depend on its elements.
//
// The browser is that of the system, or headless Chromium from an npm package, which is unpacked
// into .cache/ at the root of the repository, as axe-core is. Without one the tests are skipped, or
// fail if CI is set or UMADB_TEST_INTEROP=required. UMADB_TEST_BROWSER=npm selects the npm package;
// UMADB_TEST_BROWSER=none skips the tests on platforms for which the package has no browser.
package browsertest
