"""Two workers where the port does not steer: connections land on both, each is touched by one only."""

import math

from harness import clients, daemons, links
from harness.cases import Case

_COUNT = 400


# F1.listeners
class TwoWorkers(Case):
    def _land_on_both(self, make_link, address):
        with self.serving(daemons.echo(), make_link=make_link, workers={"count": 2}) as (link, daemon):
            opened = []
            try:
                for number in range(_COUNT):
                    connection = link.client.connect(address, daemons.ECHO_PORT)
                    opened.append(connection)
                    connection.sendall(b"%d" % number)
                    self.assertEqual(clients.receive_exactly(connection, len(str(number))),
                                     b"%d" % number)
                by_worker = [0, 0]
                for connection in daemon.connections_alive():
                    by_worker[connection["worker"]] += 1
                # Each worker has opened those that it has now, and taken as many packets from the
                # other as that has handed over.
                self.assertEqual(daemon.by_worker("tcp.passive_opens"), by_worker)
                handed_over = daemon.by_worker("stack.handed_over")
                self.assertEqual(daemon.by_worker("stack.taken_over"), handed_over[::-1])
                self.assertGreater(sum(handed_over), 0)
            finally:
                for connection in opened:
                    connection.close()
            self.assertEqual(sum(by_worker), _COUNT)
            # Fair coins: standard deviation sqrt(n)/2.
            self.assertLessEqual(abs(by_worker[0] - _COUNT / 2), 4 * math.sqrt(_COUNT) / 2)
            self.note = f"{by_worker[0]} and {by_worker[1]}"

    def test_over_tap_with_one_queue_ipv4(self):
        self._land_on_both(lambda: links.Tap(queues=1), links.SERVER4)

    def test_over_tap_with_one_queue_ipv6(self):
        self._land_on_both(lambda: links.Tap(queues=1), links.SERVER6)

    def test_over_virtio_user_with_two_queue_pairs_ipv4(self):
        self._land_on_both(links.VirtioUserTwoQueues, links.SERVER4)

    def test_over_virtio_user_with_two_queue_pairs_ipv6(self):
        self._land_on_both(links.VirtioUserTwoQueues, links.SERVER6)
