package cloudevents

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/eventnode/eventnode/event"
)

// ToSDK makes an event of the SDK, of CloudEvents 1.0. The SDK asks more of some
// attributes than an Event does of its fields: Source and the entry dataschema of Meta
// must be URIs in the form in which package net/url writes them, DataType a media type.
// What is not so is an event.ErrInvalid.
func ToSDK(e event.Event) (sdk.Event, error) {
	attributes, err := e.CloudAttributes()
	if err != nil {
		return sdk.Event{}, err
	}
	ctx, err := contextOf(attributes)
	if err != nil {
		return sdk.Event{}, err
	}
	ce := sdk.Event{Context: ctx, DataEncoded: e.Data, DataBase64: len(e.Data) > 0 && !isPlain(&e)}
	if err := ce.Validate(); err != nil {
		return sdk.Event{}, &event.InvalidError{Field: "event", Reason: "is none of CloudEvents: " + strings.TrimSpace(err.Error()), Err: err}
	}
	return ce, nil
}

// contextOf are the attributes.
func contextOf(attributes map[string]string) (*sdk.EventContextV1, error) {
	source, err := parseURL("source", attributes["source"])
	if err != nil {
		return nil, err
	}
	ctx := &sdk.EventContextV1{ID: attributes["id"], Source: types.URIRef{URL: *source}, Type: attributes["type"]}
	for name, value := range attributes {
		switch name {
		case "specversion", "id", "source", "type":
		case "time":
			if ctx.Time, err = types.ParseTimestamp(value); err != nil {
				return nil, &event.InvalidError{Field: name, Reason: "is no time: " + err.Error(), Err: err}
			}
		case "subject":
			ctx.Subject = &value
		case "datacontenttype":
			ctx.DataContentType = &value
		case "dataschema":
			schema, err := parseURL(name, value)
			if err != nil {
				return nil, err
			}
			ctx.DataSchema = &types.URI{URL: *schema}
		default:
			if err := ctx.SetExtension(name, value); err != nil {
				return nil, &event.InvalidError{Field: name, Reason: "is no extension: " + err.Error(), Err: err}
			}
		}
	}
	return ctx, nil
}

// parseURL reads a URI that stays the same.
func parseURL(attribute, value string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil {
		return nil, &event.InvalidError{Field: attribute, Reason: "is no URI: " + err.Error(), Err: err}
	}
	if again := u.String(); again != value {
		return nil, &event.InvalidError{Field: attribute, Reason: "would not stay the same: it would be " + again}
	}
	return u, nil
}

// isPlain reports whether the SDK writes the data into JSON, and reads it there, as it
// is: as a value if it is JSON, else as a string. It takes data without a type for JSON,
// and knows two types that are.
func isPlain(e *event.Event) bool {
	if e.DataType == "" || !utf8.Valid(e.Data) {
		return false
	}
	media, _, _ := strings.Cut(e.DataType, ";")
	media = strings.TrimSpace(media)
	if media == sdk.ApplicationJSON || media == sdk.TextJSON {
		return json.Valid(e.Data) && string(e.Data) != "null" && len(bytes.TrimSpace(e.Data)) == len(e.Data)
	}
	return !strings.HasSuffix(strings.ToLower(media), "json")
}
