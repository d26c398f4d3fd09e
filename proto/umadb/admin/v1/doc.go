// Package adminv1 is the protocol of the administration of an UmaDB server and the code
// generated from it.
package adminv1
