package keyfile_test

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/keyfile"
)

var hash = strings.Repeat("0a", sha256.Size)

const example = `# The keys of the shop.

# Orders writes what it sells.
[[key]]
name = "orders" # a comment
sha256 = "HASH"
rights = ["read", "append", "subscribe", "tracking"]
types = ["OrderPlaced", ""]
tag_prefixes = ['order:']
expires = 2027-01-31T12:00:00+01:00
appends_per_second = 100
bytes_per_second = 2.5e6

# Reports only reads.
# It has a certificate.
[[key]]
certificate = "reports.internal"
rights = [
  "read",
]
expires = 2027-01-31
name = "reports"

[[key]]
name = "both"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
certificate = "gateway"
rights = ["admin"]
`

func withHash(text string) []byte { return []byte(strings.ReplaceAll(text, "HASH", hash)) }

func TestParse(t *testing.T) {
	keys, err := keyfile.Parse(withHash(example))
	if err != nil || len(keys) != 3 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	k := keys[0]
	if k.Name != "orders" || hex.EncodeToString(k.Hash[:]) != hash || k.Certificate != "" || k.AppendsPerSecond != 100 || k.BytesPerSecond != 2.5e6 {
		t.Errorf("the first key is %+v", k)
	}
	if !slices.Equal(k.Rights, keyfile.Rights[:4]) || !slices.Equal(k.Types, []string{"OrderPlaced", ""}) || !slices.Equal(k.TagPrefixes, []string{"order:"}) {
		t.Errorf("the first key permits %+v", k)
	}
	if !k.Expires.Equal(time.Date(2027, 1, 31, 11, 0, 0, 0, time.UTC)) {
		t.Errorf("the first key expires %v", k.Expires)
	}
	k = keys[1]
	if k.Hash != nil || k.Certificate != "reports.internal" || k.Types != nil || k.TagPrefixes != nil || k.AppendsPerSecond != 0 {
		t.Errorf("the second key is %+v", k)
	}
	if !k.Expires.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the second key expires %v", k.Expires)
	}
	if keys[2].Hash == nil || keys[2].Certificate != "gateway" || !keys[2].Expires.IsZero() {
		t.Errorf("the third key is %+v", keys[2])
	}
	for _, empty := range []string{"", "# nothing\n", "\r\n"} {
		if keys, err := keyfile.Parse([]byte(empty)); err != nil || len(keys) != 0 {
			t.Errorf("%q: %v, %v", empty, keys, err)
		}
	}
}

func TestParseRejectsMistakes(t *testing.T) {
	const key = "[[key]]\nname = 'a'\nsha256 = 'HASH'\nrights = ['read']\n"
	for name, c := range map[string]struct{ text, want string }{
		"syntax":                {key + "x = ", "5: expected value"},
		"duplicate field":       {key + "name = 'b'", "5: key name is already defined"},
		"unknown field":         {key + "right = ['read']", `5: unknown field "right", did you mean "rights"?`},
		"hyphen":                {key + "tag-prefixes = ['x']", `did you mean "tag_prefixes"?`},
		"other case":            {key + "Types = ['x']", `5: unknown field "Types", did you mean "types"?`},
		"far field":             {key + "colour = 1", `5: unknown field "colour"; known are name, sha256,`},
		"dotted field":          {key + "types.x = 1", `5: unknown field "types.x"`},
		"table in a key":        {key + "[key.types]", `5: unknown table "key.types"`},
		"inline table":          {key + "types = {a = 1}", "5: types: it must be a list of texts"},
		"unknown table":         {"[[keys]]\nname = 'a'", `1: unknown table "keys", did you mean "key"?`},
		"one key":               {"\n[key]\nname = 'a'", "2: write [[key]] instead of [key]"},
		"inline keys":           {"key = [{name = 'a', sha256 = 'HASH', rights = ['read']}]", `1: "key" belongs to no key`},
		"field before the keys": {"name = 'a'\n" + key, `1: "name" belongs to no key: start each key with a line [[key]]`},
		"no name":               {"[[key]]\nsha256 = 'HASH'\nrights = ['read']", "1: the key has no name"},
		"empty name":            {"[[key]]\nname = ''", "2: name: a name has 1 to 64 letters"},
		"space in a name":       {"[[key]]\nname = 'a b'", "2: name: a name has"},
		"line end in a name":    {"[[key]]\nname = \"a\\n\"", "2: name: a name has"},
		"long name":             {"[[key]]\nname = '" + strings.Repeat("a", 65) + "'", "2: name: a name has"},
		"reserved name":         {"[[key]]\nname = 'api-key'", "2: name: the name \"api-key\" is reserved"},
		"number as name":        {"[[key]]\nname = 1", "2: name: it must be text in quotes"},
		"no identity":           {"\n\n[[key]]\nname = 'a'\nrights = ['read']", `3: the key "a" has neither sha256 nor certificate`},
		"short hash":            {"[[key]]\nname = 'a'\nsha256 = '0a'", "3: sha256: it must be the SHA-256 of the key as 64 hexadecimal digits, and never the key itself"},
		"key as hash":           {"[[key]]\nname = 'a'\nsha256 = 'umadb_s3cret'", "3: sha256: it must be the SHA-256"},
		"empty certificate":     {"[[key]]\nname = 'a'\ncertificate = ''", "3: certificate: it is empty"},
		"no rights":             {"[[key]]\nname = 'a'\nsha256 = 'HASH'", `1: the key "a" has no rights: list some of read, append`},
		"empty rights":          {"[[key]]\nname = 'a'\nrights = []", "3: rights: it must be a list of texts that is not empty"},
		"unknown right":         {"[[key]]\nname = 'a'\nrights = ['read', 'apend']", `3: rights: unknown right "apend", did you mean "append"?`},
		"right of another name": {"[[key]]\nname = 'a'\nrights = ['write']", `3: rights: unknown right "write"; known are read, append`},
		"right as text":         {"[[key]]\nname = 'a'\nrights = 'read'", "3: rights: it must be a list"},
		"number in a list":      {key + "types = ['x', 1]", "5: types: it must be a list of texts"},
		"empty types":           {key + "types = []", "5: types: it must be a list of texts that is not empty"},
		"empty prefix":          {key + "tag_prefixes = ['a', '']", "5: tag_prefixes: a prefix is empty"},
		"expires as text":       {key + "expires = '2027-01-31'", "5: expires: it must be a date or a time with its offset, without quotes"},
		"expires, no offset":    {key + "expires = 2027-01-31T12:00:00", "5: expires: it must be a date or a time with its offset"},
		"no such day":           {key + "expires = 2027-02-30", "5: "},
		"rate of 0":             {key + "appends_per_second = 0", "5: appends_per_second: it must be a number above 0"},
		"negative rate":         {key + "bytes_per_second = -1.5", "5: bytes_per_second: it must be a number above 0"},
		"infinite rate":         {key + "bytes_per_second = inf", "5: bytes_per_second: it must be a number above 0"},
		"no number":             {key + "bytes_per_second = nan", "5: bytes_per_second: it must be a number above 0"},
		"rate as text":          {key + "bytes_per_second = '1'", "5: bytes_per_second: it must be a number above 0"},
		"same name":             {key + "[[key]]\nrights = ['read']\ncertificate = 'x'\nname = 'a'", `8: the name "a" occurs twice`},
		"same hash":             {key + strings.ReplaceAll(key, "'a'", "'b'"), `7: the keys "a" and "b" have the same hash`},
		"same certificate":      {"[[key]]\nname='a'\ncertificate='x'\nrights=['read']\n[[key]]\nname='b'\ncertificate='x'\nrights=['read']", `7: the keys "a" and "b" have the same certificate`},
		"not UTF-8":             {key + "types = ['\xff']", "5: "},
	} {
		keys, err := keyfile.Parse(withHash(c.text))
		switch {
		case err == nil:
			t.Errorf("%s: accepted as %+v", name, keys)
		case !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), hash):
			t.Errorf("%s: the error is %q, want %q", name, err, c.want)
		case !regexp.MustCompile(`^\d+: `).MatchString(err.Error()):
			t.Errorf("%s: the error has no line: %q", name, err)
		}
	}
}

func TestNewSecret(t *testing.T) {
	secret, hash := keyfile.NewSecret()
	other, _ := keyfile.NewSecret()
	if !regexp.MustCompile(`^umadb_[a-z2-7]{52}$`).MatchString(secret) || hash != sha256.Sum256([]byte(secret)) || secret == other {
		t.Errorf("secrets %q and %q, hash %x", secret, other, hash)
	}
}

func TestAdd(t *testing.T) {
	_, hash := keyfile.NewSecret()
	k := keyfile.Key{
		Name: "new", Hash: &hash, Rights: []string{"read"}, Types: []string{"it's \"A\"\n"}, TagPrefixes: []string{"ü\\"},
		Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), AppendsPerSecond: 0.5, BytesPerSecond: 1e9,
	}
	for _, before := range []string{"", example, strings.TrimSpace(example), "# only a comment"} {
		after, err := keyfile.Add(withHash(before), k)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(after), string(withHash(before))) {
			t.Errorf("what was there is changed: %s", after)
		}
		keys, err := keyfile.Parse(after)
		if err != nil {
			t.Fatalf("%v:\n%s", err, after)
		}
		if last := keys[len(keys)-1]; last.Name != "new" || last.Types[0] != k.Types[0] || !last.Expires.Equal(k.Expires) || last.AppendsPerSecond != 0.5 {
			t.Errorf("the new key is %+v", last)
		}
		if _, err := keyfile.Add(after, k); err == nil || !strings.Contains(err.Error(), `there is already a key "new"`) {
			t.Errorf("the same name again: %v", err)
		}
	}
	if _, err := keyfile.Add([]byte("[[keys]]"), k); err == nil {
		t.Error("a key was added to an invalid file")
	}
	k.Name = "a b"
	if _, err := keyfile.Add(nil, k); err == nil {
		t.Error("an invalid key was added")
	}
}

func TestRemove(t *testing.T) {
	whole := string(withHash(example))
	first, rest, _ := strings.Cut(whole, "# Orders")
	_, rest, _ = strings.Cut(rest, "# Reports")
	last := strings.LastIndex(whole, "[[key]]")
	middle := strings.Index(whole, "# Reports")
	for name, want := range map[string]string{
		"orders":  first + "# Reports" + rest,
		"reports": whole[:middle] + whole[last:],
		"both":    whole[:last],
	} {
		if got, err := keyfile.Remove([]byte(whole), name); err != nil || string(got) != want {
			t.Errorf("without %s, %v:\n%s", name, err, got)
		}
	}
	if _, err := keyfile.Remove([]byte(whole), "other"); err == nil || !strings.Contains(err.Error(), `there is no key "other"`) {
		t.Errorf("a key that does not exist: %v", err)
	}
	// A line of a text is not a comment.
	odd := "[[key]]\nname = 'a'\ncertificate = 'x'\nrights = ['read']\ntypes = ['''\n#''']\n[[key]]\nname = 'b'\ncertificate = 'y'\nrights = ['read']\n"
	if got, err := keyfile.Remove([]byte(odd), "b"); err == nil || !strings.Contains(err.Error(), "edit it by hand") && !strings.HasPrefix(err.Error(), "5:") {
		t.Errorf("%v:\n%s", err, got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(withHash(example))
	f.Add([]byte("[[key]]\nname='a'\ncertificate='x'\nrights=['read']\ntypes=['''\n[[key]]\n#''']\r\n"))
	f.Add([]byte("key=[{name='a'}]"))
	f.Add([]byte("['key']\n[\"k\\u0065y\".a]"))
	f.Add([]byte("[[ \"key\" ]]\nname=\"\"\"a\"\"\"\nexpires=1979-05-27 07:32:00Z\n\"rights\"=['read',]\ncertificate='''c'''"))
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, err := keyfile.Parse(content)
		if err != nil {
			if !regexp.MustCompile(`^\d+: `).MatchString(err.Error()) {
				t.Errorf("the error has no line: %q", err)
			}
			return
		}
		_, hash := keyfile.NewSecret()
		if after, err := keyfile.Add(content, keyfile.Key{Name: "zz-new", Hash: &hash, Rights: keyfile.Rights}); err == nil {
			added, err := keyfile.Parse(after)
			if err != nil || len(added) != len(keys)+1 {
				t.Errorf("%d keys after adding to %d, %v", len(added), len(keys), err)
			}
		}
		for _, k := range keys {
			if after, err := keyfile.Remove(content, k.Name); err == nil {
				left, err := keyfile.Parse(after)
				if err != nil || len(left) != len(keys)-1 || slices.ContainsFunc(left, func(l keyfile.Key) bool { return l.Name == k.Name }) {
					t.Errorf("%d keys after removing one of %d, %v", len(left), len(keys), err)
				}
			}
		}
	})
}
