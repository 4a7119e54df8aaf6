package event

// ParseAny reads an event in any of three forms, which it tells apart by their fields:
// CloudEvents 1.0 has specversion, the flat form event_name, and what has neither is
// ours. See ParseCloudEvent, ParseFlat, ParseJSON. The options are for the flat form.
func ParseAny(b []byte, opts ...Option) (Event, error) {
	fields, err := parseObject(whatJSON, b)
	if err != nil {
		return Event{}, err
	}
	if _, ok := fields["specversion"]; ok {
		return ParseCloudEvent(b)
	}
	if _, ok := fields[flatName]; ok {
		return ParseFlat(b, opts...)
	}
	return ParseJSON(b)
}
