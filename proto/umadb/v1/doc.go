// Package umadbv1 is the wire protocol of UmaDB and the code generated from it.
package umadbv1
