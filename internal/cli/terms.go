package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// termsOptions are the flags of types and tags.
type termsOptions struct {
	target target
	noun   string // what is listed
	ask    func(dcb.TermIndex, context.Context, dcb.TermsOptions) *dcb.TermsResponse
	prefix string
	sort   string
	limit  uint32
	all    bool
	count  bool
	json   bool
}

// termOrders are the values of --sort.
var termOrders = map[string]dcb.TermOrder{"events": dcb.ByEvents, "name": dcb.ByName}

const termsCost = `The numbers come from the index: no event is read. Any question but --all with a
--limit goes through all types and tags of the store, some millions in a second.`

func newTypesCommand() *cobra.Command {
	o := termsOptions{noun: "types", ask: dcb.TermIndex.Types}
	return o.command(&cobra.Command{
		Use:   "types",
		Short: "Print the event types and how many events have them",
		Long: `types prints the event types, each with the number of its events: those with the most
events first.

` + termsCost,
		Example: `  umadb types
  umadb types --prefix Student --sort name --json`,
	})
}

func newTagsCommand() *cobra.Command {
	o := termsOptions{noun: "tags", ask: dcb.TermIndex.Tags}
	return o.command(&cobra.Command{
		Use:   "tags",
		Short: "Print the tags and how many events have them",
		Long: `tags prints the tags, each with the number of its events: those with the most events
first. With --prefix student: it prints those of the students, and with --count in
addition, how many students there are.

` + termsCost,
		Example: `  umadb tags --limit 10
  umadb tags --prefix student: --count
  umadb tags --prefix student: --all --json
  umadb tags --db-path ./uma.db --prefix course:`,
	})
}

// command adds the flags and the function to a command.
func (o *termsOptions) command(cmd *cobra.Command) *cobra.Command {
	cmd.Args = noArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options, err := o.options(cmd.Flags())
		if err != nil {
			return err
		}
		return o.target.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
			return o.print(cmd, o.ask(s.(dcb.TermIndex), ctx, options))
		})
	}
	f := cmd.Flags()
	f.StringVar(&o.prefix, "prefix", "", "print only "+o.noun+" that start with this `text`")
	f.Uint32Var(&o.limit, "limit", 100, fmt.Sprintf("maximum `number` of %s, from 1 to %d; with --all any number, and 0 for no limit", o.noun, dcb.MaxOrderedTerms))
	f.StringVar(&o.sort, "sort", "events", "`order`: events, the most first, or name")
	f.BoolVar(&o.all, "all", false, "print all "+o.noun+", in no particular order")
	f.BoolVar(&o.count, "count", false, "print only how many different "+o.noun+" there are")
	perCall(f, "prefix", "limit", "sort", "all", "count")
	f.BoolVar(&o.json, "json", false, "print each as a line of JSON")
	o.target.addFlags(f)
	return cmd
}

// options returns the question that the flags describe.
func (o *termsOptions) options(flags *pflag.FlagSet) (dcb.TermsOptions, error) {
	order, known := termOrders[o.sort]
	options := dcb.TermsOptions{Prefix: o.prefix, Order: order, Limit: o.limit}
	switch {
	case !known:
		return options, usageErrorf("--sort is %q: it must be events or name", o.sort)
	case o.count && (o.all || flags.Changed("limit") || flags.Changed("sort")):
		return options, usageErrorf("--count prints one number: omit --all, --limit and --sort")
	case o.all && flags.Changed("sort"):
		return options, usageErrorf("--all and --sort are both given: sort the output, for example with sort -n")
	case o.count:
		options.Order, options.Limit = dcb.ByName, 1
	case o.all:
		options.Order = dcb.AnyOrder
		if !flags.Changed("limit") {
			options.Limit = 0
		}
	case o.limit < 1 || o.limit > dcb.MaxOrderedTerms:
		return options, usageErrorf("--limit is %d: it must be from 1 to %d, unless --all is given", o.limit, dcb.MaxOrderedTerms)
	}
	return options, nil
}

// print prints the answer.
func (o *termsOptions) print(cmd *cobra.Command, response *dcb.TermsResponse) error {
	stdout := cmd.OutOrStdout()
	if o.all {
		return o.printAll(stdout, response)
	}
	terms, distinct, err := response.Collect()
	switch {
	case err != nil:
		return err
	case o.count && o.json:
		return ndjson.Write(stdout, map[string]uint64{"distinct": distinct})
	case o.count:
		_, err := fmt.Fprintln(stdout, distinct)
		return err
	}
	if err := o.printTerms(stdout, terms); err != nil {
		return err
	}
	if n := uint64(len(terms)); n < distinct {
		fmt.Fprintf(cmd.ErrOrStderr(), "umadb: %d of %d %s; to print more, use --limit or --all\n", n, distinct, o.noun)
	}
	return nil
}

// printTerms prints a table or lines of JSON.
func (o *termsOptions) printTerms(w io.Writer, terms []dcb.TermCount) error {
	out := bufio.NewWriterSize(w, printBuffer)
	width := 0
	for _, term := range terms {
		width = max(width, len(fmt.Sprint(term.Events)))
	}
	for _, term := range terms {
		if err := o.printTerm(out, term, width); err != nil {
			return err
		}
	}
	return out.Flush()
}

// printAll prints terms as they arrive.
func (o *termsOptions) printAll(w io.Writer, response *dcb.TermsResponse) error {
	out := bufio.NewWriterSize(w, printBuffer)
	for term, err := range response.All() {
		if err == nil {
			err = o.printTerm(out, term, 0)
		}
		if err != nil {
			_ = out.Flush() // what has arrived before
			return err
		}
	}
	return out.Flush()
}

func (o *termsOptions) printTerm(out io.Writer, term dcb.TermCount, width int) error {
	if o.json {
		return ndjson.Write(out, term)
	}
	_, err := fmt.Fprintf(out, "%*d  %s\n", width, term.Events, word(term.Name))
	return err
}
