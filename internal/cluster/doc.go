// Package cluster compares a shared log with the copies of it that servers have, and appends to
// a shared log what it has lost.
//
// The chain of a group depends on all groups before it. So if two logs have the same chain at an
// index, they are equal up to there, and a binary search finds the first group that differs.
package cluster
