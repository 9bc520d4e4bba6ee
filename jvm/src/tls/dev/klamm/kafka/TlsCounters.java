package dev.klamm.kafka;

import java.util.concurrent.atomic.LongAdder;

/** What happened since the JVM started, over all factories that read the same files. */
final class TlsCounters {
    final LongAdder clientEngines = new LongAdder();
    final LongAdder serverEngines = new LongAdder();
    final LongAdder refusedDenied = new LongAdder();
    final LongAdder refusedUnmapped = new LongAdder();
}
