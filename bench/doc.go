// Command bench measures UmaDB servers side by side: it starts each as a
// process of its own, puts the same load on it with the same client, and
// writes what it saw to bench/results. See README.md.
package main
