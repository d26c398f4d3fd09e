package etcdtest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy forwards connections to a member. What it holds back arrives later.
type Proxy struct {
	// Address is where clients connect.
	Address string
	// Requests and Answers hold back what clients and the member send.
	Requests, Answers Gate

	listener net.Listener
	member   string

	mu          sync.Mutex
	connections []net.Conn // guarded by mu
	closed      bool       // guarded by mu
}

// Proxies returns a proxy for each member.
func (c *Cluster) Proxies(t testing.TB) (proxies []*Proxy) {
	t.Helper()
	for _, m := range c.Members {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := &Proxy{Address: listener.Addr().String(), listener: listener, member: m.Address}
		proxies = append(proxies, p)
		var serving sync.WaitGroup
		serving.Go(p.serve)
		t.Cleanup(func() {
			p.close()
			serving.Wait()
		})
	}
	return proxies
}

func (p *Proxy) serve() {
	var forwarding sync.WaitGroup
	defer forwarding.Wait()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		member, err := net.Dial("tcp", p.member)
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client, member) {
			return
		}
		forwarding.Go(func() { forward(member, client, &p.Requests) })
		forwarding.Go(func() { forward(client, member, &p.Answers) })
	}
}

// keep notes connections, and closes them if the proxy is closed.
func (p *Proxy) keep(connections ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connections = append(p.connections, connections...)
	if p.closed {
		for _, c := range connections {
			c.Close()
		}
	}
	return !p.closed
}

func (p *Proxy) close() {
	p.listener.Close()
	p.Requests.Open()
	p.Answers.Open()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.connections {
		c.Close()
	}
}

// forward copies from one connection to another, and closes both at the end.
func forward(to, from net.Conn, gate *Gate) {
	defer to.Close()
	defer from.Close()
	io.Copy(gated{to, gate}, from)
}

// gated is a writer that waits for a gate.
type gated struct {
	io.Writer
	gate *Gate
}

// Write waits until the gate is open.
func (g gated) Write(p []byte) (int, error) {
	g.gate.wait()
	return g.Writer.Write(p)
}

// Gate is open or shut. The zero value is open.
type Gate struct {
	mu   sync.Mutex
	shut chan struct{} // closed by Open; nil while it is open; guarded by mu
}

// Shut shuts the gate.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

// Open opens the gate.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

func (g *Gate) wait() {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}
