// Command bench compares UmaDB servers with each other, with Tephra and with PostgreSQL:
// it starts each in its own process, applies the same load with the same client, and
// writes the measurements to bench/results. See README.md.
package main
