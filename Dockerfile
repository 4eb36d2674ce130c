# The image of spanring: one binary and the libraries it needs, authorities, user 10001; no shell.
#
#   docker build --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" -t spanring .
#   docker buildx build --platform linux/amd64,linux/arm64 …          both architectures
# The same root file system without a container engine: ./dev package.
ARG DEBIAN=debian:12-slim

FROM ${DEBIAN} AS build
ARG SOURCE_DATE_EPOCH=0
ARG JOBS=
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} SPANRING_JOBS=${JOBS}
WORKDIR /work
COPY . .
RUN ./dev build release spanring && packaging/package.sh build/release/bin /out --rootfs

FROM scratch
COPY --from=build /out/rootfs/ /
USER 10001:10001
EXPOSE 4317/tcp 4318/tcp 8888/tcp 13133/tcp
ENTRYPOINT ["/usr/bin/spanring"]
CMD ["--config=/conf/relay.yaml"]
