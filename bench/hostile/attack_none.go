package main

import "context"

// What the machine itself does to the steady client, to compare with.
var noAttacks = []attack{
	{
		name: "none", summary: "no attack, to compare with",
		run: func(ctx context.Context, a *attacker) error { return nil },
	},
}
