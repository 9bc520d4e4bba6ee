package dev.klamm.kafka;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLEngine;

/**
 * The engines that are still in use, held weakly, with the generation each was made from: how many connections still
 * rest on an old generation. It never waits: network threads call it.
 */
final class Engines {
    private final Set<Entry> entries = ConcurrentHashMap.newKeySet();
    private final ReferenceQueue<SSLEngine> gone = new ReferenceQueue<>();

    void add(SSLEngine engine, String generation) {
        forgetGone();
        entries.add(new Entry(engine, gone, generation));
    }

    /** Engines in use by generation. An engine counts until it is closed both ways or collected. */
    Map<String, Long> inUse() {
        forgetGone();
        Map<String, Long> counts = new TreeMap<>();
        for (Entry entry : entries) {
            SSLEngine engine = entry.get();
            if (engine == null) {
                continue;
            }
            if (engine.isOutboundDone() && engine.isInboundDone()) {
                entries.remove(entry);
            } else {
                counts.merge(entry.generation, 1L, Long::sum);
            }
        }
        return counts;
    }

    private void forgetGone() {
        Reference<? extends SSLEngine> reference;
        while ((reference = gone.poll()) != null) {
            entries.remove(reference);
        }
    }

    private static final class Entry extends WeakReference<SSLEngine> {
        final String generation;

        Entry(SSLEngine engine, ReferenceQueue<SSLEngine> queue, String generation) {
            super(engine, queue);
            this.generation = generation;
        }
    }
}
