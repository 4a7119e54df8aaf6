package command

import (
	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/event"
)

// formatCloudEvents is the one format besides text and --json.
const formatCloudEvents = "cloudevents"

// formatFlag is --format of commands that print events.
type formatFlag struct{ name string }

func (f *formatFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "format", "", "cloudevents: each event as CloudEvents JSON, a line each")
}

// check refuses what is no format, and two of them.
func (f *formatFlag) check(a *app) error {
	switch {
	case f.name != "" && f.name != formatCloudEvents:
		return usagef("--format %q: use cloudevents, or leave it out", f.name)
	case f.name != "" && a.json:
		return usagef("--format and --json are two formats: choose one")
	}
	return nil
}

// cloud reports whether events are to be printed as CloudEvents.
func (f *formatFlag) cloud() bool { return f.name == formatCloudEvents }

// printCloudEvent prints an event as CloudEvents JSON and a newline.
func printCloudEvent(out *output, e event.Event) error {
	b, err := e.MarshalCloudEvent()
	if err != nil {
		return err
	}
	return printData(out, b)
}
