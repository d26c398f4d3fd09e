// Package settingfile reads the small files that contain settings: certificates, keys and
// configurations. Its functions read a bounded number of bytes, because the name of a
// setting may lead to a large file or to a device by mistake.
package settingfile

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	// MaxBytes is the maximum size of a file.
	MaxBytes = 16 << 20
	// MaxLineBytes is the maximum size of a first line.
	MaxLineBytes = 64 << 10
)

// ErrTooLarge is returned for a file that is too large to contain settings.
var ErrTooLarge = errors.New("it is too large to be a file of settings")

// Read returns the content of a file.
func Read(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > MaxBytes:
		return nil, tooLarge(name, "the maximum is 16 MiB")
	}
	return content, nil
}

// FirstLine returns the first line of a file, without its end, and reads no more.
func FirstLine(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	line, err := bufio.NewReader(io.LimitReader(file, MaxLineBytes+1)).ReadString('\n')
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	case len(line) > MaxLineBytes:
		return "", tooLarge(name, "the maximum of its first line is 64 KiB")
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

// KeyPair reads a certificate and its private key from two PEM files.
func KeyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := Read(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := Read(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

func tooLarge(name, bound string) error {
	return &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w: %s", ErrTooLarge, bound)}
}
