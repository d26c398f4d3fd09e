package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newCertCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cert",
		Short:   "Create certificates to try out TLS",
		Long:    "cert creates certificates for a server and its clients.",
		Example: "  umadb cert dev",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageErrorf("%q needs a command: dev; see %q", cmd.CommandPath(), cmd.CommandPath()+" --help")
		},
	}
	cmd.AddCommand(newCertDevCommand())
	return cmd
}

// certDev are the arguments and flags of cert dev.
type certDev struct {
	dir    string
	hosts  []string
	client string
	force  bool
	out    io.Writer
}

func newCertDevCommand() *cobra.Command {
	o := certDev{dir: "certs"}
	cmd := &cobra.Command{
		Use:   "dev [DIRECTORY]",
		Short: "Create a CA, and certificates of a server and a client, to try out TLS",
		Long: `dev creates a CA, a certificate of a server for localhost, and a certificate of a client,
in a directory (certs by default), and prints the commands that use them. They are valid
for a year. The key of the CA is not protected: for production use another CA.

A second run renews the certificate of the server, with the same CA and for the same
hosts. It keeps the CA, and certificates of clients unless --force is given.`,
		Example: `  umadb cert dev
  umadb cert dev --host db.example.org --client orders ./certs`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageErrorf("unexpected argument %q: cert dev takes one directory", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.dir = args[0]
			}
			o.out = cmd.OutOrStdout()
			return o.run()
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.hosts, "host", nil, "host `name` or IP address of the server, in addition to localhost; repeat for more")
	f.StringVar(&o.client, "client", "client", "`name` of the client in its certificate, and of its files")
	f.BoolVar(&o.force, "force", false, "replace certificates of clients, and one of a server that is of another CA")
	perCall(f, "host", "client", "force")
	return cmd
}

func (o *certDev) path(name string) string { return filepath.Join(o.dir, name) }

func (o *certDev) run() error {
	if o.client == "" || o.client != filepath.Base(o.client) || strings.HasPrefix(o.client, ".") || o.client == "ca" || o.client == "server" {
		return usageErrorf("--client %q cannot be the name of files beside ca.pem and server.pem", o.client)
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	ca, err := o.authority()
	if err != nil {
		return err
	}
	if err := o.server(ca); err != nil {
		return err
	}
	if err := o.clientCertificate(ca); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.out, `
umadb serve --tls-cert %[1]s --tls-key %[2]s --client-ca %[3]s
umadb head --url https://localhost:50051 --ca %[3]s --client-cert %[4]s --client-key %[5]s
`, o.path("server.pem"), o.path("server.key"), o.path("ca.pem"), o.path(o.client+".pem"), o.path(o.client+".key"))
	return err
}

// authority returns the CA in the directory, which it creates if there is none.
func (o *certDev) authority() (*identity, error) {
	ca, err := readIdentity(o.path("ca"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !exists(o.path("ca.pem")) && !exists(o.path("ca.key")):
		if ca, err = newAuthority(); err != nil {
			return nil, err
		}
		return ca, o.write(ca, "ca", "created")
	case err != nil:
		return nil, usageErrorf("the CA in %s cannot be used: %w; use another directory", o.dir, err)
	}
	return ca, o.report(ca, "ca", "kept")
}

// server creates or renews the certificate of the server.
func (o *certDev) server(ca *identity) error {
	done := "created"
	template := serverTemplate()
	if exists(o.path("server.pem")) || exists(o.path("server.key")) {
		done = "renewed"
		current, err := readIdentity(o.path("server"))
		switch {
		case err == nil && current.certificate.CheckSignatureFrom(ca.certificate) == nil:
			addNames(template, current.certificate)
		case !o.force:
			return usageErrorf("%s or its key is not of the CA in this directory: use another directory, or --force to replace it", o.path("server.pem"))
		}
	}
	for _, host := range o.hosts {
		addHost(template, host)
	}
	server, err := issue(template, ca)
	if err != nil {
		return err
	}
	return o.write(server, "server", done)
}

// clientCertificate creates the certificate of the client if there is none.
func (o *certDev) clientCertificate(ca *identity) error {
	done := "created"
	if exists(o.path(o.client+".pem")) || exists(o.path(o.client+".key")) {
		done = "renewed"
		if !o.force {
			current, err := readIdentity(o.path(o.client))
			if err != nil {
				return usageErrorf("the certificate of the client cannot be used: %w; use --force to replace it", err)
			}
			return o.report(current, o.client, "kept")
		}
	}
	client, err := issue(clientTemplate(o.client), ca)
	if err != nil {
		return err
	}
	return o.write(client, o.client, done)
}

// write writes an identity to NAME.key and NAME.pem, and reports that.
func (o *certDev) write(i *identity, name, done string) error {
	if err := i.write(o.path(name)); err != nil {
		return err
	}
	return o.report(i, name, done)
}

func (o *certDev) report(i *identity, name, done string) error {
	_, err := fmt.Fprintf(o.out, "%s: %s, valid until %s%s\n", o.path(name+".pem"), done, i.certificate.NotAfter.Format("2006-01-02"), namesOf(i.certificate))
	return err
}

// namesOf returns the hosts of a certificate, for a message.
func namesOf(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return ""
	}
	return ", for " + strings.Join(names, ", ")
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
