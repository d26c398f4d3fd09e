package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	defaultSchema = "umadb"
	defaultPoll   = time.Second
	minPoll       = 10 * time.Millisecond // as often as Wait may return without a new record

	// passwordVariable is the environment variable of the password, if the URL has none.
	passwordVariable = "UMADB_LOG_PASSWORD"
)

// settings are the contents of a URL.
type settings struct {
	conn   *pgx.ConnConfig
	schema string
	poll   time.Duration
	// storage is true if the storage of the server is replicated, so that no standby is needed.
	storage bool
}

// parse parses a URL. Parameters that are not those of this package are those of the driver, or
// settings of the session. The error wraps sharedlog.ErrURL.
func parse(address string) (settings, error) {
	s, err := parseURL(address)
	if err != nil {
		return s, fmt.Errorf("%w: %w", sharedlog.ErrURL, err)
	}
	return s, nil
}

func parseURL(address string) (s settings, err error) {
	u, err := url.Parse(address)
	if err != nil {
		var part *url.Error // it contains the URL, and so the password
		if errors.As(err, &part) {
			err = part.Err
		}
		return s, err
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return s, fmt.Errorf("the scheme is %q, not postgres", u.Scheme)
	}
	query := u.Query()
	take := func(name, standard string) string {
		defer query.Del(name)
		if !query.Has(name) {
			return standard
		}
		return query.Get(name)
	}
	s.schema = take("schema", defaultSchema)
	if err := checkSchema(s.schema); err != nil {
		return s, err
	}
	poll := take("poll", defaultPoll.String())
	if s.poll, err = time.ParseDuration(poll); err != nil || s.poll < minPoll {
		return s, fmt.Errorf("invalid poll=%s: it must be a duration of at least %v, such as 1s", poll, minPoll)
	}
	switch durability := take("durability", "standbys"); durability {
	case "standbys":
	case "storage":
		s.storage = true
	default:
		return s, fmt.Errorf("invalid durability=%s: it must be standbys or storage", durability)
	}
	_, inURL := u.User.Password()
	inURL = inURL || query.Has("password")
	u.RawQuery = query.Encode()
	if s.conn, err = pgx.ParseConfig(u.String()); err != nil {
		return s, err // without the password
	}
	if password := os.Getenv(passwordVariable); password != "" && !inURL {
		s.conn.Password = password
	}
	return s, nil
}
