package main

import "context"

// No attack: the effect of the machine on the steady client, for comparison.
var noAttacks = []attack{
	{
		name: "none", summary: "no attack, for comparison",
		run: func(ctx context.Context, a *attacker) error { return nil },
	},
}
