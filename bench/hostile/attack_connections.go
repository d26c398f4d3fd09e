package main

import (
	"context"
	"crypto/rand"
	"net"
	"slices"
	"time"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Connections, established or not, and their file descriptors.
var connectionAttacks = []attack{
	{
		name: "idle-connections", summary: "4,096 connections that do nothing, without the key",
		run: func(ctx context.Context, a *attacker) error { return a.idle(ctx, a.scaled(4096, 500)) },
	},
	{
		name: "stalled-handshakes", summary: "2,000 connections that stop in the handshake", short: true,
		run: func(ctx context.Context, a *attacker) error {
			return a.repeat(ctx, a.scaled(2000, 100), func(ctx context.Context) error {
				return a.send(ctx, []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}, true)
			})
		},
	},
	{
		name: "garbage", summary: "64 clients that connect and send random bytes",
		run: func(ctx context.Context, a *attacker) error {
			return a.repeat(ctx, a.scaled(64, 8), func(ctx context.Context) error {
				noise := make([]byte, 16<<10)
				rand.Read(noise)
				return a.send(ctx, noise, false)
			})
		},
	},
	{
		name: "handshakes", summary: "16 clients that connect, with or without TLS, and close, at full speed",
		run: func(ctx context.Context, a *attacker) error {
			return a.repeat(ctx, 16, func(ctx context.Context) error {
				conn, err := a.connect(ctx, net.Dialer{})
				if err != nil {
					return err
				}
				a.tally.count("connections")
				return conn.Close()
			})
		},
	},
	{
		name: "descriptors", summary: "256 idle connections to a server that may open 256 files, while the log rolls",
		server: serverOptions{files: 256},
		prepare: func(ctx context.Context, t target, _ bool) error {
			return t.fill(ctx, 15*largePerRequest, largePerRequest, largeEvent)
		},
		run: exhaustDescriptors,
	},
}

// idle keeps connections open.
func (a *attacker) idle(ctx context.Context, connections int) error {
	return a.repeat(ctx, connections, func(ctx context.Context) error {
		l, err := a.link(ctx)
		if err != nil {
			return err
		}
		defer l.close()
		err = l.wait(ctx, time.Hour)
		pause(ctx, refusedPause) // the server closed it for another; reconnecting at once would be a flood
		return err
	})
}

// send connects without TLS and sends bytes. With wait it returns when the server
// closes the connection.
func (a *attacker) send(ctx context.Context, bytes []byte, wait bool) error {
	if err := a.dials.Wait(ctx); err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	a.tally.count("connections")
	if _, err := conn.Write(bytes); err != nil || !wait {
		return err
	}
	for {
		if _, err := conn.Read(make([]byte, 512)); err != nil {
			return err
		}
	}
}

// The size of a large event, and the number of them in a request.
const (
	largeBytes      = 3_900_000
	largePerRequest = 4
)

func largeEvent(int) *umadbv1.Event {
	return &umadbv1.Event{EventType: "Large", Data: make([]byte, largeBytes)}
}

// exhaustDescriptors opens a connection, uses up all file descriptors with others,
// and appends on the first one until the log needs another file.
func exhaustDescriptors(ctx context.Context, a *attacker) error {
	conn, err := a.dial(a.Key)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.dcb.Head(ctx, &umadbv1.HeadRequest{}); err != nil {
		return err
	}
	go a.idle(ctx, 256)
	request := &umadbv1.AppendRequest{Events: slices.Repeat([]*umadbv1.Event{largeEvent(0)}, largePerRequest)}
	for range 5 {
		if !pause(ctx, 2*time.Second) {
			return nil
		}
		_, err := conn.dcb.Append(ctx, request)
		a.tally.countError(err)
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}
