package cloudevents

import (
	"strings"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/eventnode/eventnode/event"
)

// FromSDK makes an event of one of the SDK, of CloudEvents 1.0. Every error is an
// event.ErrParse.
func FromSDK(ce sdk.Event) (event.Event, error) {
	attributes, err := attributesOf(ce)
	if err != nil {
		return event.Event{}, err
	}
	return event.FromCloudEvent(attributes, ce.Data())
}

// attributesOf are an event's attributes as strings.
func attributesOf(ce sdk.Event) (map[string]string, error) {
	if ce.Context == nil {
		return nil, wrong("specversion", "is missing: the event has no context", nil)
	}
	ctx := ce.Context.AsV1()
	attributes := make(map[string]string, 8+len(ctx.Extensions))
	for name, value := range ctx.Extensions {
		text, err := types.Format(value)
		if err != nil {
			return nil, wrong(name, "has no string form", err)
		}
		attributes[strings.ToLower(name)] = text
	}
	attributes["specversion"] = ce.SpecVersion()
	attributes["id"], attributes["source"], attributes["type"] = ctx.ID, ctx.Source.String(), ctx.Type
	if ctx.Time != nil && !ctx.Time.IsZero() {
		attributes["time"] = ctx.Time.String()
	}
	if ctx.Subject != nil {
		attributes["subject"] = *ctx.Subject
	}
	if ctx.DataSchema != nil {
		attributes["dataschema"] = ctx.DataSchema.String()
	}
	switch {
	case ctx.DataContentType != nil:
		attributes["datacontenttype"] = *ctx.DataContentType
	case len(ce.Data()) > 0 && !ce.DataBase64: // so the SDK writes it, too
		attributes["datacontenttype"] = event.JSON
	}
	return attributes, nil
}

func wrong(attribute, reason string, cause error) error {
	return &event.ParseError{What: "CloudEvent", Field: attribute, Offset: -1, Err: &event.InvalidError{Field: attribute, Reason: reason, Err: cause}}
}
