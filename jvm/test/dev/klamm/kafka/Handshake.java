package dev.klamm.kafka;

import java.nio.ByteBuffer;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.apache.kafka.common.security.auth.SslEngineFactory;

/** Two engines shaking hands in memory, and what came of it. */
final class Handshake {
    /** `ok PROTOCOL CIPHER`, or who refused: `client refused`, `server refused`. */
    final String outcome;
    final X509Certificate seenByClient;
    final X509Certificate seenByServer;
    final String reason;
    final byte[] sessionId;

    private Handshake(SSLEngine client, SSLEngine server, String refused, SSLException why) {
        boolean ok = refused == null;
        outcome = ok ? "ok " + client.getSession().getProtocol() + " " + client.getSession().getCipherSuite() : refused;
        reason = why == null ? "" : why + " / " + why.getCause();
        seenByClient = ok ? peer(client) : null;
        seenByServer = ok ? peer(server) : null;
        sessionId = ok ? client.getSession().getId() : null;
    }

    boolean ok() {
        return outcome.startsWith("ok ");
    }

    static Handshake between(SslEngineFactory server, SslEngineFactory client) {
        return between(server, client, "localhost", "https");
    }

    static Handshake between(SslEngineFactory server, SslEngineFactory client, String host, String endpoint) {
        return run(server.createServerSslEngine("127.0.0.1", 50_000), client.createClientSslEngine(host, 9092, endpoint));
    }

    static Handshake run(SSLEngine server, SSLEngine client) {
        ByteBuffer toServer = ByteBuffer.allocate(1 << 17);
        ByteBuffer toClient = ByteBuffer.allocate(1 << 17);
        // A few rounds past the end deliver session tickets, and with TLS 1.3 the server's verdict on the client.
        int quiet = 0;
        for (int round = 0; round < 200 && quiet < 4; round++) {
            boolean moved = false;
            try {
                moved |= step(client, toClient, toServer);
            } catch (SSLException e) {
                return new Handshake(client, server, "client refused", e);
            }
            try {
                moved |= step(server, toServer, toClient);
            } catch (SSLException e) {
                return new Handshake(client, server, "server refused", e);
            }
            quiet = moved ? 0 : quiet + 1;
        }
        boolean finished = finished(client) && finished(server);
        return new Handshake(client, server, finished ? null : "never finished", null);
    }

    private static boolean finished(SSLEngine engine) {
        return engine.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NOT_HANDSHAKING
                && !engine.getSession().getProtocol().equals("NONE");
    }

    /** Reads all there is, writes what the engine wants to; whether anything moved. */
    private static boolean step(SSLEngine engine, ByteBuffer in, ByteBuffer out) throws SSLException {
        boolean moved = false;
        ByteBuffer plain = ByteBuffer.allocate(1 << 16);
        in.flip();
        try {
            while (in.hasRemaining()) {
                SSLEngineResult result = engine.unwrap(in, plain);
                tasks(engine);
                moved |= result.bytesConsumed() > 0;
                if (result.bytesConsumed() == 0
                        && engine.getHandshakeStatus() != SSLEngineResult.HandshakeStatus.NEED_UNWRAP) {
                    break;
                }
            }
        } finally {
            in.compact();
        }
        while (!engine.isOutboundDone()) {
            SSLEngineResult result = engine.wrap(ByteBuffer.allocate(0), out);
            tasks(engine);
            moved |= result.bytesProduced() > 0;
            if (engine.getHandshakeStatus() != SSLEngineResult.HandshakeStatus.NEED_WRAP) {
                break;
            }
        }
        return moved;
    }

    private static void tasks(SSLEngine engine) {
        Runnable task;
        while ((task = engine.getDelegatedTask()) != null) {
            task.run();
        }
    }

    private static X509Certificate peer(SSLEngine engine) {
        try {
            Certificate[] chain = engine.getSession().getPeerCertificates();
            return (X509Certificate) chain[0];
        } catch (SSLPeerUnverifiedException nobody) {
            return null;
        }
    }
}
