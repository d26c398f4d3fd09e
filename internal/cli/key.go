package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/keyfile"
	"github.com/umadb-go/umadb/internal/ndjson"
)

func newKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Create, list and revoke the API keys of a server",
		Long: `key edits the file that umadb serve reads with --keys. The file contains a hash of
each key and what the key permits, and never a key. A running server reads the file
again when it changes.`,
		Example: `  umadb key new --name orders --rights read,append
  umadb key list
  umadb key revoke orders`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageErrorf("%q needs a command: new, list or revoke; see %q", cmd.CommandPath(), cmd.CommandPath()+" --help")
		},
	}
	cmd.AddCommand(newKeyNewCommand(), newKeyListCommand(), newKeyRevokeCommand())
	return cmd
}

// keysVariable is the variable of the flag --keys of a server.
const keysVariable = "UMADB_KEYS"

func addKeysFileFlag(flags *pflag.FlagSet, file *string) {
	flags.StringVar(file, "file", "keys.toml", "`file` of the API keys, which the server has in --keys")
	hasVariable(flags, "file", keysVariable)
}

// newKey are the flags of key new.
type newKey struct {
	file    string
	expires string
	key     keyfile.Key
}

func newKeyNewCommand() *cobra.Command {
	var o newKey
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Create an API key",
		Long: `new creates a random key, adds its hash and its rights to the file of a server, and
prints the key on standard output. It is not stored, and cannot be printed again.

The rights are read, append, subscribe (which returns stored events too), tracking
(to read the position of a tracking source, and to append with one) and admin. With
--type and --tag-prefix the key can only read and append events that have one of the
types and at least one tag with one of the prefixes.

With --certificate no key is created: the client is identified by its certificate.`,
		Example: `  umadb key new --name orders --rights read,append,subscribe > orders-key
  umadb key new --name reports --rights read --type OrderPlaced --expires 2027-12-31
  umadb key new --name tenant-7 --rights read,append --tag-prefix tenant:7: --appends-per-second 50`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.OutOrStdout(), cmd.ErrOrStderr()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.key.Name, "name", "", "`name` of the key, which appears in errors and in the log (required)")
	f.StringSliceVar(&o.key.Rights, "rights", nil, "`rights` of the key: some of read,append,subscribe,tracking,admin (required)")
	f.StringArrayVar(&o.key.Types, "type", nil, "`name` of an event type to which the key is limited; repeat for more")
	f.StringArrayVar(&o.key.TagPrefixes, "tag-prefix", nil, "`prefix` of tags to which the key is limited, such as tenant:7: with its last colon; repeat for more")
	f.StringVar(&o.expires, "expires", "", "`date` or time after which the key is refused, as 2027-12-31 or 2027-12-31T12:00:00Z")
	f.Float64Var(&o.key.AppendsPerSecond, "appends-per-second", 0, "maximum `number` of appends per second")
	f.Float64Var(&o.key.BytesPerSecond, "bytes-per-second", 0, "maximum `number` of bytes of appends per second")
	f.StringVar(&o.key.Certificate, "certificate", "", "common `name` or alternative name of the client's certificate, instead of a key")
	perCall(f, "name", "rights", "type", "tag-prefix", "expires", "appends-per-second", "bytes-per-second", "certificate")
	addKeysFileFlag(f, &o.file)
	return cmd
}

// run creates a key.
func (o *newKey) run(stdout, stderr io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	k, secret := o.key, ""
	if k.Certificate == "" {
		created, hash := keyfile.NewSecret()
		secret, k.Hash = created, &hash
	}
	if err := editKeys(o.file, true, func(content []byte) ([]byte, error) { return keyfile.Add(content, k) }); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "umadb: added %q to %s\n", k.Name, o.file) // the key must be printed even if this fails
	if secret == "" {
		return nil
	}
	if _, err := fmt.Fprintln(stdout, secret); err != nil {
		return fmt.Errorf("the key %q was added to %s but cannot be printed: %w; revoke it, and create it again", k.Name, o.file, err)
	}
	return nil
}

// validate checks the flags and completes the key.
func (o *newKey) validate() error {
	if o.key.Name == "" {
		return usageErrorf("--name is missing: name the program or person that will use the key")
	}
	if err := keyfile.CheckName(o.key.Name); err != nil {
		return usageErrorf("--name cannot be %q: %w", o.key.Name, err)
	}
	if len(o.key.Rights) == 0 {
		return usageErrorf("--rights is missing: list some of %s", strings.Join(keyfile.Rights, ","))
	}
	for _, right := range o.key.Rights {
		if err := keyfile.CheckRight(right); err != nil {
			return usageErrorf("--rights cannot be %q: %w", strings.Join(o.key.Rights, ","), err)
		}
	}
	for _, prefix := range o.key.TagPrefixes {
		if prefix == "" {
			return usageErrorf("--tag-prefix is empty: write the start of the permitted tags, or omit it")
		}
	}
	if o.expires != "" {
		expires, err := parseExpiry(o.expires)
		if err != nil {
			return usageErrorf("--expires cannot be %q: write a date such as 2027-12-31, or a time such as 2027-12-31T12:00:00Z", o.expires)
		}
		o.key.Expires = expires
	}
	if o.key.AppendsPerSecond < 0 || o.key.BytesPerSecond < 0 {
		return usageErrorf("--appends-per-second and --bytes-per-second must be above 0")
	}
	return nil
}

// parseExpiry parses a time, or a date, whose day starts in UTC.
func parseExpiry(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, text)
}

func newKeyListCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the API keys",
		Long: `list prints the keys in the file of a server and what they permit. With --json, each
key is a line of JSON.`,
		Example: `  umadb key list
  umadb key list --file /etc/umadb/keys.toml --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			content, err := readKeys(file, false)
			if err != nil {
				return err
			}
			keys, err := keyfile.Parse(content)
			if err != nil {
				return usageErrorf("%s:%w", file, err)
			}
			if asJSON {
				return listJSON(keys, cmd.OutOrStdout())
			}
			return listText(keys, cmd.OutOrStdout())
		},
	}
	addKeysFileFlag(cmd.Flags(), &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each key as a line of JSON")
	return cmd
}

// listText prints the keys as a table.
func listText(keys []keyfile.Key, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tRIGHTS\tEXPIRES\tLIMITS")
	for _, k := range keys {
		expires := "never"
		if !k.Expires.IsZero() {
			expires = k.Expires.UTC().Format(time.RFC3339)
		}
		if k.Expires.Before(time.Now()) && !k.Expires.IsZero() {
			expires += " (expired)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", k.Name, strings.Join(k.Rights, ","), expires, limitsText(&k))
	}
	return table.Flush()
}

// limitsText describes the limits of a key in one line.
func limitsText(k *keyfile.Key) string {
	var limits []string
	add := func(what string, texts ...string) {
		for i := range texts {
			texts[i] = word(texts[i])
		}
		limits = append(limits, what+" "+strings.Join(texts, ","))
	}
	if k.Certificate != "" {
		add("certificate", k.Certificate)
	}
	if k.Types != nil {
		add("types", k.Types...)
	}
	if k.TagPrefixes != nil {
		add("tags", k.TagPrefixes...)
	}
	if k.AppendsPerSecond != 0 {
		limits = append(limits, fmt.Sprintf("%v appends/s", k.AppendsPerSecond))
	}
	if k.BytesPerSecond != 0 {
		limits = append(limits, bytesText(uint64(k.BytesPerSecond))+"/s")
	}
	if len(limits) == 0 {
		return "none"
	}
	return strings.Join(limits, "; ")
}

// listJSON prints each key as a line of JSON.
func listJSON(keys []keyfile.Key, w io.Writer) error {
	for _, k := range keys {
		if err := ndjson.Write(w, k); err != nil {
			return err
		}
	}
	return nil
}

func newKeyRevokeCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Revoke an API key",
		Long: `revoke removes a key from the file of a server. The server refuses it from then on, and
ends the reads and subscriptions that use it.`,
		Example: "  umadb key revoke orders",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageErrorf("%q takes the name of one key; see %q", cmd.CommandPath(), cmd.CommandPath()+" --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := editKeys(file, false, func(content []byte) ([]byte, error) { return keyfile.Remove(content, args[0]) })
			if err == nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "umadb: removed %q from %s\n", args[0], file) // ignore errors: it is done
			}
			return err
		},
	}
	addKeysFileFlag(cmd.Flags(), &file)
	return cmd
}
