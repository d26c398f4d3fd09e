package main

import (
	"context"
	"slices"
)

// attack is an attempt to deny the service to other clients.
type attack struct {
	name    string
	summary string
	short   bool // part of the short form
	server  serverOptions
	// prepare fills the store. It is nil if the attack needs no events.
	prepare func(ctx context.Context, t target, short bool) error
	// run attacks until ctx is done. It returns an error if the server does not
	// behave as the attackers, as clients, may expect.
	run func(ctx context.Context, a *attacker) error
}

// attacks contains all attacks by family.
var attacks = slices.Concat(noAttacks, callAttacks, bodyAttacks, keyAttacks, connectionAttacks, frameAttacks, readerAttacks,
	subscriberAttacks, queryAttacks, writerAttacks, termAttacks, mixedAttacks)

// attackNamed returns an attack, or nil.
func attackNamed(name string) *attack {
	i := slices.IndexFunc(attacks, func(a attack) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return &attacks[i]
}
