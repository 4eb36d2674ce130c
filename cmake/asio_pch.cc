// Anchor of the precompiled header that every library on Boost.Asio shares; it holds no code.
