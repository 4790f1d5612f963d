# The program alone, for an unprivileged user. `docker build -t latchkey .`
FROM node:22-bookworm-slim AS node

FROM rust:1.95-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
WORKDIR /src
COPY . .
RUN make build && packaging/image /image target/release/latchkey && chown 65532:65532 /image/data

FROM scratch
COPY --from=build /image /
ENV LATCHKEY_LISTEN=0.0.0.0:3000 LATCHKEY_DATA_DIR=/data
# The database, the master secret, and emails while no mail server is set.
VOLUME /data
EXPOSE 3000
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/latchkey", "health"]
ENTRYPOINT ["/latchkey"]
