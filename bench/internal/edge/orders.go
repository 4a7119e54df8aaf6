package edge

import (
	"errors"
	"net/netip"
)

// obey begins what an order asks for.
func (c *clients) obey(o clientsOrder) error {
	c.began, c.last, c.busy = now(), now(), true
	switch {
	case o.Open != nil:
		return c.open(o.Open)
	case o.Expect != nil:
		for _, x := range c.list {
			x.left += o.Expect.Events
		}
		c.undone = len(c.list)
		return c.p.out.Encode(nothing{})
	case o.Cut:
		for i, fd := range c.fds {
			if err := reset(fd); err != nil {
				return err
			}
			c.fds[i], c.list[i].stage, c.list[i].partial = -1, idle, nil
		}
		return nil
	case o.Resume != nil:
		for i, x := range c.list {
			x.left += o.Resume.Missed
			c.waiting = append(c.waiting, i)
		}
		c.undone, c.atOnce, c.until = len(c.list), acceptAtOnce, starting
		return c.address(o.Resume.Address)
	default:
		return errors.New("an order that says nothing")
	}
}

func (c *clients) open(o *openOrder) error {
	for i := range o.Clients {
		c.waiting = append(c.waiting, len(c.list))
		c.list, c.fds = append(c.list, &client{plain: c.cfg.Plain, user: o.First + i}), append(c.fds, -1)
	}
	c.undone, c.atOnce, c.until = o.Clients, openAtOnce, live
	return c.address(o.Address)
}

func (c *clients) address(a string) (err error) {
	c.hail = request(a)
	c.to, err = netip.ParseAddrPort(a)
	return err
}
