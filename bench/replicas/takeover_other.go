//go:build !linux

package main

import "errors"

func measureTakeovers(*options) error { return errors.New("-takeover needs Linux") }
