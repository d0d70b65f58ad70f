"""The monitor: a page in the browser that shows running daemons, and hands on orders to them.

It is a process of its own. A daemon answers it once a second as it answers `eprop-rt ctl`, and
sends it views at a socket that no effector listens to; whatever becomes of the page, a daemon
neither waits for it nor notices.
"""
