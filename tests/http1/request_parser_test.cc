// What is a request and what is not, in one piece and byte by byte.
#include "router/http1/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace router {
namespace {

using testing::HasSubstr;

std::span<const std::uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Everything the parser says about `text`, offered `step` bytes at a time: one line per request,
// "POST /v1/traces [3 fields] body", and at the end the fault or "more".
std::string Read(std::string_view text, std::size_t step) {
  RequestParser parser;
  std::string told;
  std::string request;
  while (true) {
    const std::string_view piece = text.substr(0, step);
    text.remove_prefix(piece.size());
    auto bytes = Bytes(piece);
    while (true) {
      const auto event = parser.Next(bytes);
      if (event == RequestParser::Event::kNeedMore) break;
      if (event == RequestParser::Event::kFault) {
        return told + std::to_string(parser.fault().status) + " " + parser.fault().why;
      }
      if (event == RequestParser::Event::kHead) {
        const auto& fields = parser.head().fields;
        request = std::string(fields[0].value) + " " + std::string(fields[1].value) + " [";
        for (std::size_t i = 2; i < fields.size(); ++i) {
          request.append(i > 2 ? "|" : "").append(fields[i].name).append("=");
          request.append(fields[i].value);
        }
        request += parser.head().is_keep_alive ? "] " : "] close ";
      } else if (event == RequestParser::Event::kData) {
        request.append(reinterpret_cast<const char*>(parser.data().data()), parser.data().size());
      } else {
        told += request + "\n";
      }
    }
    if (text.empty()) return told + (parser.is_between_requests() ? "" : "more");
  }
}

// The same however it is cut.
std::string Read(std::string_view text) {
  const std::string whole = Read(text, text.size() + 1);
  for (const std::size_t step : {1, 2, 3, 7}) EXPECT_EQ(Read(text, step), whole) << text;
  return whole;
}

std::string Post(std::string_view fields, std::string_view body = "") {
  return "POST /v1/traces HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" +
         std::string(body);
}

// Scenario: requests with a length, without a body, chunked with extensions and trailers, two at
// once, HTTP/1.0, an empty line in front, an absolute URL, white space round values.
// Guarantees: HS-18, HS-19: each is read as RFC 9112 says.
TEST(RequestParserTest, ReadsWhatIsARequest) {
  EXPECT_EQ(Read(Post("Content-Length: 3\r\n", "abc")),
            "POST /v1/traces [host=a|content-length=3] abc\n");
  EXPECT_EQ(Read(Post("X-Y:  \t v w \t\r\nEmpty:\r\n")),
            "POST /v1/traces [host=a|x-y=v w|empty=] \n");
  EXPECT_EQ(Read(Post("Transfer-Encoding: Chunked\r\n",
                      "3;a=b;c=\"d\"\r\nabc\r\n00A\r\n0123456789\r\n0;x\r\nT: v\r\nU: w\r\n\r\n")),
            "POST /v1/traces [host=a|transfer-encoding=Chunked] abc0123456789\n");
  EXPECT_EQ(Read(Post("content-length: 1\r\n", "a") + Post("content-length: 1\r\n", "b") + "POS"),
            "POST /v1/traces [host=a|content-length=1] a\n"
            "POST /v1/traces [host=a|content-length=1] b\nmore");
  EXPECT_EQ(Read("GET / HTTP/1.0\r\n\r\n"), "GET / [] close \n");
  EXPECT_EQ(Read("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), "GET / [host=a] close \n");
  EXPECT_EQ(Read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
            "GET / [connection=Keep-Alive] \n");
  EXPECT_EQ(Read("\r\nGET /a?b=c HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"),
            "GET /a?b=c [host=|connection=close] close \n");
  EXPECT_EQ(Read("POST HTTP://u:1/v1/traces HTTP/1.1\r\nHost: a\r\n\r\n"),
            "POST /v1/traces [host=a] \n");
  EXPECT_EQ(Read("OPTIONS * HTTP/1.1\r\nHost: [::1]:4318\r\n\r\n"),
            "OPTIONS * [host=[::1]:4318] \n");
}

// Scenario: the ways in which two parsers can disagree about where a request ends.
// Guarantees: HS-18, A-14: 400, whatever Beast alone would say, and nothing of it is a request.
TEST(RequestParserTest, RefusesWhatCanBeReadInTwoWays) {
  const std::string cases[] = {
      Post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
      Post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
      Post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"),
      Post("Content-Length: 3, 3\r\n", "abc"),
      Post("Content-Length: +3\r\n", "abc"),
      Post("Content-Length: -3\r\n", "abc"),
      Post("Content-Length: 0x3\r\n", "abc"),
      Post("Content-Length: 3 3\r\n", "abc"),
      Post("Content-Length:\r\n", "abc"),
      Post("Content-Length: 3.0\r\n", "abc"),
      Post("Content-Length: 99999999999999999999\r\n", "abc"),
      Post("Content-Length : 3\r\n", "abc"),
      Post(" Content-Length: 3\r\n", "abc"),
      Post("X: a\r\n b\r\n"),
      Post("X: a\r\n\tContent-Length: 3\r\n", "abc"),
      Post("X:\r\n b\r\n"),
      Post("Transfer-Encoding: chunked, chunked\r\n"),
      Post("Transfer-Encoding: identity\r\n"),
      Post("Transfer-Encoding: chunked, gzip\r\n"),
      Post("Transfer-Encoding: xchunked\r\n"),
      Post("Transfer-Encoding: chunked,\r\n"),
      Post("Transfer-Encoding: ,chunked,\r\n"),
      Post("Transfer-Encoding: \"chunked\"\r\n"),
      Post("Transfer-Encoding:\r\n"),
      Post("Transfer-Encoding:\vchunked\r\n"),
      Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
      Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\nHost: a\n\n",
      "POST / HTTP/1.1\r\nHost: a\n\r\n",
      "POST / HTTP/1.1\rHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
      Post(std::string_view("X: a\0b\r\n", 8)),
      Post("X: a\x01\r\n"),
      Post("X\x7f: a\r\n"),
      Post("no colon\r\n"),
      Post(": no name\r\n"),
      Post("X Y: a\r\n"),
      Post("X\xC3\xA4: a\r\n"),
      "\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n",
      " POST / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1 \r\nHost: a\r\n\r\n",
      "POST /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / http/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1x\r\nHost: a\r\n\r\n",
      "POST /\r\nHost: a\r\n\r\n",
      "POST a HTTP/1.1\r\nHost: a\r\n\r\n",
      "P@ST / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: a\r\nX: y\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      Post("Connection: close, ,,\x80@\r\n"),
      "\x16\x03\x01\x02\x00\x01",
      "SSH-2.0-x\n"};
  for (const std::string& text : cases)
    EXPECT_THAT(Read(text), testing::StartsWith("400 ")) << text;
}

// Scenario: chunked bodies with every byte that could be wrong.
// Guarantees: HS-18: 400; a chunk's size is digits and nothing else.
TEST(RequestParserTest, RefusesBadChunks) {
  for (const char* body : {"g\r\n",
                           "\r\n",
                           "-1\r\n",
                           "+1\r\n",
                           "0x1\r\n",
                           " 1\r\na\r\n",
                           "1 \r\na\r\n",
                           "1\t;x\r\na",
                           "1\na",
                           "1\r\nab\r\n",
                           "1\r\na\n",
                           "1\r\na\r\r",
                           "1\r\na0\r\n",
                           "1;a\nb\r\na",
                           "1;a\rb",
                           "0000000000000001\r\n",
                           "ffffffffffffffff1\r\n",
                           "1,\r\n",
                           "0\r\nX: a\n\r\n",
                           "0\r\nX: a\r\n b\r\n\r\n",
                           "1;\x01\r\n",
                           ";a\r\n"}) {
    EXPECT_THAT(Read(Post("Transfer-Encoding: chunked\r\n", body)), testing::StartsWith("400 "))
        << body;
  }
}

// Scenario: trailers that are no fields: no colon, no name, white space or another character in the
// name, as the first or the second; and names of every character a token may have.
// Guarantees: HS-18, RFC 9112 §5.1: 400, as in a head; what is a field passes.
TEST(RequestParserTest, RefusesTrailersThatAreNoFields) {
  for (const std::string_view line :
       {"garbage without colon", "x", ":", ": x", "X : a", "X\t: a", "X Y: a", "GET / HTTP/1.1",
        "X(: a", "\"X\": a", "X\xE9: a", "X=: a", "X\x7f: a", "a,b: c"}) {
    for (const char* before : {"", "T: v\r\n"}) {
      const std::string trailers = before + std::string(line) + "\r\n\r\n";
      EXPECT_THAT(Read(Post("Transfer-Encoding: chunked\r\n", "0\r\n" + trailers)),
                  testing::StartsWith("400 "))
          << trailers;
    }
  }
  for (const char* line : {"a:", "A:b", "x-y_z.0: \t\xE9 : \"q\"", "!#$%&'*+-.^_`|~09azAZ: v"}) {
    EXPECT_EQ(Read(Post("Transfer-Encoding: chunked\r\n",
                        "0\r\nT: v\r\n" + std::string(line) + "\r\n\r\n")),
              "POST /v1/traces [host=a|transfer-encoding=chunked] \n")
        << line;
  }
}

// Scenario: other versions, other codings, other expectations.
// Guarantees: HS-10: 505, 501 and 417.
TEST(RequestParserTest, NamesWhatItDoesNotServe) {
  EXPECT_THAT(Read("POST / HTTP/2.0\r\nHost: a\r\n\r\n"), HasSubstr("505 "));
  EXPECT_THAT(Read("POST / HTTP/1.2\r\nHost: a\r\n\r\n"), HasSubstr("505 "));
  EXPECT_THAT(Read("POST / HTTP/0.9\r\nHost: a\r\n\r\n"), HasSubstr("505 "));
  EXPECT_THAT(Read(Post("Transfer-Encoding: gzip, chunked\r\n")), HasSubstr("501 "));
  EXPECT_THAT(Read(Post("Transfer-Encoding: gzip,chunked\r\n")), HasSubstr("501 "));
  EXPECT_THAT(Read(Post("Expect: the-unexpected\r\n")), HasSubstr("417 "));
}

// Scenario: each bound of the head, at it and one beyond.
// Guarantees: request line 8 KiB (414), head 64 KiB (431), 200 fields (431), extensions of all
// chunks 16 KiB (400), trailers 8 KiB (431).
TEST(RequestParserTest, BoundsWhatItKeepsAndSkips) {
  const auto line = [](std::size_t size) {
    return "POST /" + std::string(size - 15, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_THAT(Read(line(kRequestLineBytesMax), 997), testing::StartsWith("POST /aaa"));
  EXPECT_THAT(Read(line(kRequestLineBytesMax + 1), 997), HasSubstr("414 "));

  const auto head = [](std::size_t size) {
    const std::string empty = Post("X: \r\n");
    return Post("X: " + std::string(size - empty.size(), 'v') + "\r\n");
  };
  EXPECT_THAT(Read(head(kHeaderBlockBytesMax), 997), testing::StartsWith("POST /v1"));
  EXPECT_THAT(Read(head(kHeaderBlockBytesMax + 1), 997), HasSubstr("431 "));

  const auto fields = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "a: b\r\n";
    return Post(text);
  };
  EXPECT_THAT(Read(fields(kRequestFieldsMax - 3), 997), testing::StartsWith("POST /v1"));
  EXPECT_THAT(Read(fields(kRequestFieldsMax - 2), 997), HasSubstr("431 "));

  const auto extensions = [](std::size_t size) {
    return Post("Transfer-Encoding: chunked\r\n",
                "1;" + std::string(size - 2, 'x') + "\r\na\r\n0;\r\n\r\n");
  };
  EXPECT_THAT(Read(extensions(kChunkExtensionBytesMax), 997), testing::EndsWith("a\n"));
  EXPECT_THAT(Read(extensions(kChunkExtensionBytesMax + 1), 997), HasSubstr("400 "));

  const auto trailers = [](std::size_t size) {
    return Post("Transfer-Encoding: chunked\r\n",
                "0\r\nT: " + std::string(size - 7, 'x') + "\r\n\r\n");
  };
  EXPECT_THAT(Read(trailers(kTrailerBytesMax), 997), testing::EndsWith("] \n"));
  EXPECT_THAT(Read(trailers(kTrailerBytesMax + 1), 997), HasSubstr("431 "));
}

// Scenario: heads of 8 KiB, of nearly 64 KiB, and of 200 fields, each forgotten behind its request.
// Guarantees: what one head took is kept for the next up to 8 KiB of text and 64 fields; the next
// request is read as ever.
TEST(RequestParserTest, ForgetsLargeHeads) {
  std::string fields;
  for (int i = 0; i < 190; ++i) fields += "a: b\r\n";
  RequestParser parser;
  for (const std::string& text :
       {Post("X: " + std::string(8000, 'v') + "\r\n"), Post(fields),
        Post("X: " + std::string(kHeaderBlockBytesMax - 100, 'v') + "\r\n")}) {
    auto bytes = Bytes(text);
    ASSERT_EQ(parser.Next(bytes), RequestParser::Event::kHead);
    ASSERT_EQ(parser.Next(bytes), RequestParser::Event::kEnd);
    EXPECT_GE(parser.kept_bytes(), text.size());
    parser.ForgetHead();
    EXPECT_LE(parser.kept_bytes(),
              RequestParser::kKeptTextBytes + RequestParser::kKeptFields * sizeof(HttpField));
    EXPECT_TRUE(parser.is_between_requests());
  }
}

}  // namespace
}  // namespace router
