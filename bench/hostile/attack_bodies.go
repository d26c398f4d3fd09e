package main

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// Requests that are sent slowly or in many pieces.
var bodyAttacks = []attack{
	{
		name: "byte-frames", summary: "16 connections × 1,000 calls with a request in frames of one byte, without the key", short: true,
		run: func(ctx context.Context, a *attacker) error {
			return a.sendByBytes(ctx, 1000, 1000, call{path: checkPath})
		},
	},
	{
		name: "byte-frames-append", summary: "16 connections × 100 appends with a request of 60,000 bytes in frames of one byte",
		run: func(ctx context.Context, a *attacker) error {
			return a.sendByBytes(ctx, 100, 60_000, call{path: appendPath, key: a.Key})
		},
	},
	{
		name: "slow-bodies", summary: "1,000 connections that each send an append of 16 MiB, 60,000 bytes at first and then one per second",
		run: func(ctx context.Context, a *attacker) error {
			return a.repeat(ctx, 1000, func(ctx context.Context) error { return a.trickle(ctx, 16<<20, 60_000) })
		},
	},
}

// framesPerSecond limits the frames of one byte.
const framesPerSecond = 300_000

// sendByBytes opens calls and sends their requests in frames of one byte, except the
// last byte.
func (a *attacker) sendByBytes(ctx context.Context, calls, length int, c call) error {
	frames := rate.NewLimiter(framesPerSecond, calls)
	return a.repeat(ctx, a.scaled(16, 2), func(ctx context.Context) error {
		l, err := a.link(ctx)
		if err != nil {
			return err
		}
		defer l.close()
		if err := a.pace.WaitN(ctx, calls); err != nil {
			return err
		}
		ids := make([]uint32, calls)
		err = l.write(func() (err error) {
			for i := range ids {
				if ids[i], err = l.open(c); err != nil {
					return err
				}
				// Only the header of the message.
				if err := l.framer.WriteData(ids[i], false, framed(make([]byte, length))[:5]); err != nil {
					return err
				}
			}
			return nil
		})
		for sent := 1; sent < length && err == nil; sent++ {
			if err := frames.WaitN(ctx, calls); err != nil {
				return err
			}
			err = l.write(func() error {
				for _, id := range ids {
					if err := l.framer.WriteData(id, false, []byte{0}); err != nil {
						return err
					}
				}
				return nil
			})
			select {
			case <-l.ended:
				return errEnded
			default:
			}
		}
		if err != nil {
			return err
		}
		return l.wait(ctx, time.Minute)
	})
}

// trickle starts an append of length bytes, sends the first bytes at once, and the
// others one per second.
func (a *attacker) trickle(ctx context.Context, length uint32, first int) error {
	l, err := a.link(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	var id uint32
	err = l.write(func() (err error) {
		if id, err = l.open(call{path: appendPath, key: a.Key}); err != nil {
			return err
		}
		body := append(binary.BigEndian.AppendUint32([]byte{0}, length), make([]byte, first)...)
		for part := range slices.Chunk(body, 16<<10) {
			if err := l.framer.WriteData(id, false, part); err != nil {
				return err
			}
		}
		return nil
	})
	for err == nil && l.calls() > 0 {
		if err = l.wait(ctx, time.Second); err == nil {
			err = l.write(func() error { return l.framer.WriteData(id, false, []byte{0}) })
		}
	}
	return err
}
