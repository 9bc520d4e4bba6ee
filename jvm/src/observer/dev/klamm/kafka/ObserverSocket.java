package dev.klamm.kafka;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.function.UnaryOperator;

/**
 * One line in, one JSON document out, closed: over a Unix socket of mode 0600, by one thread that no client can hold up.
 * A client has a fixed time and a fixed length; what does not fit is dropped.
 */
final class ObserverSocket {
    private static final int MAX_REQUEST_BYTES = 64;
    /** Ample for a local client; a stuck one only holds a file descriptor for so long. */
    private static final long CLIENT_MS = 2_000;
    private static final int MAX_CLIENTS = 16;
    /** After a failure of accept (no file descriptors left) before it is tried again. */
    private static final long PAUSE_MS = 1_000;

    private final ServerSocketChannel server;
    private final Selector selector;

    private ObserverSocket(ServerSocketChannel server, Selector selector) {
        this.server = server;
        this.selector = selector;
    }

    /**
     * Replaces what a dead process left at the path. Bound beside it, restricted, then renamed over it: at no time does
     * the path lead to a socket that others may open, or to nothing.
     */
    static ObserverSocket bind(Path path) throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                && !Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).isOther()) {
            throw new FileAlreadyExistsException(path.toString(), null, "not a socket");
        }
        Path fresh = path.resolveSibling(path.getFileName() + "." + ProcessHandle.current().pid());
        Files.deleteIfExists(fresh);
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            server.bind(UnixDomainSocketAddress.of(fresh));
            Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-------"));
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
            Selector selector = Selector.open();
            server.configureBlocking(false);
            server.register(selector, SelectionKey.OP_ACCEPT);
            return new ObserverSocket(server, selector);
        } catch (IOException | RuntimeException e) {
            server.close();
            Files.deleteIfExists(fresh);
            throw e;
        }
    }

    /** Serves until the JVM ends. The answer to a request is null when the request is not known. */
    void serve(UnaryOperator<String> answer) throws IOException {
        while (true) {
            selector.select(CLIENT_MS / 4);
            Iterator<SelectionKey> ready = selector.selectedKeys().iterator();
            while (ready.hasNext()) {
                SelectionKey key = ready.next();
                ready.remove();
                if (key.isValid() && key.isAcceptable()) {
                    accept();
                } else if (key.isValid()) {
                    advance(key, answer);
                }
            }
            dropLate();
        }
    }

    private void accept() {
        try {
            SocketChannel channel = server.accept();
            if (channel == null) {
                return;
            }
            if (selector.keys().size() > MAX_CLIENTS) {
                channel.close();
                return;
            }
            channel.configureBlocking(false);
            channel.register(selector, SelectionKey.OP_READ, new Client());
        } catch (IOException e) {
            pause();
        }
    }

    private static void advance(SelectionKey key, UnaryOperator<String> answer) {
        Client client = (Client) key.attachment();
        SocketChannel channel = (SocketChannel) key.channel();
        try {
            if (client.reply == null) {
                String request = client.read(channel);
                if (request == null) {
                    return;
                }
                client.reply = reply(answer, request);
                key.interestOps(SelectionKey.OP_WRITE);
            }
            channel.write(client.reply);
            if (!client.reply.hasRemaining()) {
                close(key);
            }
        } catch (IOException e) {
            close(key);
        }
    }

    private static ByteBuffer reply(UnaryOperator<String> answer, String request) {
        String text;
        try {
            text = answer.apply(request);
        } catch (RuntimeException | Error e) {
            text = "{\"version\":" + StatusDocument.VERSION + ",\"error\":" + Json.write(e.toString()) + "}";
        }
        if (text == null) {
            text = "{\"version\":" + StatusDocument.VERSION + ",\"error\":\"unknown request, use status or metrics\"}";
        }
        return ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private void dropLate() {
        long now = System.nanoTime();
        for (SelectionKey key : new ArrayList<>(selector.keys())) {
            if (key.attachment() instanceof Client client && now - client.sinceNanos > CLIENT_MS * 1_000_000) {
                close(key);
            }
        }
    }

    private static void close(SelectionKey key) {
        key.cancel();
        try {
            key.channel().close();
        } catch (IOException alreadyGone) {
            // Nothing is left to do for a client that is being dropped.
            return;
        }
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static final class Client {
        final long sinceNanos = System.nanoTime();
        private final ByteBuffer request = ByteBuffer.allocate(MAX_REQUEST_BYTES);
        ByteBuffer reply;

        /** The request's line when it is whole, null while it is not; an error when it never will be. */
        String read(SocketChannel channel) throws IOException {
            int count = channel.read(request);
            for (int i = 0; i < request.position(); i++) {
                if (request.get(i) == '\n') {
                    return new String(request.array(), 0, i, StandardCharsets.US_ASCII).trim();
                }
            }
            if (count < 0 || !request.hasRemaining()) {
                throw new IOException("no request line");
            }
            return null;
        }
    }
}
