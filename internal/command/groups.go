package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// groupsCommand is `eventnode groups`.
func (a *app) groupsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "groups",
		Short: "Process groups: who is in which, and sending to them",
		Long: `Process groups as in Erlang's pg: named multisets of members, the same on every
node. A group exists as long as it has a member. Groups live in scopes, which are
separate namespaces; --scope names one, and without it the default one is used.`,
		Example: `  eventnode groups join workers --meta 'zone=a'
  eventnode groups list
  eventnode groups send workers --data 'one of you'`,
	}
	parent(cmd)
	cmd.AddCommand(a.groupsListCommand(), a.groupsMembersCommand(), a.groupsMonitorCommand(),
		a.groupsJoinCommand(), a.groupsBroadcastCommand(), a.groupsSendCommand())
	return cmd
}

// addScope adds --scope.
func addScope(cmd *cobra.Command, scope *string) {
	cmd.Flags().StringVar(scope, "scope", "", "the scope (default: the default scope)")
}

func (a *app) groupsListCommand() *cobra.Command {
	var scope string
	var local bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the groups of a scope",
		Long:  `Lists the non-empty groups of a scope, each with its number of memberships.`,
		Example: `  eventnode groups list
  eventnode groups list --scope chat --local --json`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				list := c.Scope(scope).Groups
				if local {
					list = c.Scope(scope).LocalGroups
				}
				sizes, err := list(ctx)
				if err != nil {
					return err
				}
				return a.printGroups(sizes)
			})
		},
	}
	a.addAddr(cmd)
	addScope(cmd, &scope)
	cmd.Flags().BoolVar(&local, "local", false, "only groups with a member on the asked node")
	return cmd
}

// printGroups prints groups by name.
func (a *app) printGroups(sizes []eventnode.GroupSize) error {
	groups := make([]groupJSON, 0, len(sizes))
	for _, s := range sizes {
		groups = append(groups, groupJSON(s))
	}
	slices.SortFunc(groups, func(x, y groupJSON) int { return strings.Compare(x.Group, y.Group) })
	return printList(a, groups, "GROUP\tMEMBERS", func(g groupJSON) string { return fmt.Sprintf("%s\t%d", g.Group, g.Members) })
}

func (a *app) groupsMembersCommand() *cobra.Command {
	var scope string
	var local bool
	cmd := &cobra.Command{
		Use:   "members GROUP",
		Short: "List the members of a group",
		Long: `Lists the memberships of a group on all nodes. A member that joined twice is
listed twice. MEMBER is node#epoch/number: it names the member for ever.`,
		Example: `  eventnode groups members workers
  eventnode groups members workers --local --json`,
		Args: args(1, 1, "GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				list := c.Scope(scope).Members
				if local {
					list = c.Scope(scope).LocalMembers
				}
				members, err := list(ctx, args[0])
				if err != nil {
					return err
				}
				return a.printMemberships(members)
			})
		},
	}
	a.addAddr(cmd)
	addScope(cmd, &scope)
	cmd.Flags().BoolVar(&local, "local", false, "only members on the asked node")
	return cmd
}

// printMemberships prints memberships by member.
func (a *app) printMemberships(list []eventnode.Membership) error {
	sortMemberships(list)
	if a.json {
		return printList(a, toMembershipsJSON(list), "", nil)
	}
	return printList(a, list, "MEMBER\tMETA", func(m eventnode.Membership) string { return m.Member.String() + "\t" + metaText(m.Meta) })
}

// sortMemberships makes the order of a list the same each time.
func sortMemberships(list []eventnode.Membership) {
	slices.SortFunc(list, func(x, y eventnode.Membership) int {
		return cmp.Or(strings.Compare(string(x.Member.Node.ID), string(y.Member.Node.ID)),
			cmp.Compare(x.Member.Node.Epoch, y.Member.Node.Epoch), cmp.Compare(x.Member.Ref, y.Member.Ref), strings.Compare(x.Meta, y.Meta))
	})
}

// metaText prints metadata, the application's own bytes, on one line.
func metaText(meta string) string {
	if meta == "" {
		return ""
	}
	quoted := fmt.Sprintf("%q", meta)
	if plain := quoted[1 : len(quoted)-1]; plain == meta {
		return meta
	}
	return quoted
}
