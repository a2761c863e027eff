use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
        HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::{commands::daemon::exposure::Exposure, output::prometheus::Format};

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Answers a request, whose body nobody reads.
pub(super) fn answer<B>(request: &Request<B>, exposure: &mut Exposure) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/" | "/metrics" | "/healthz") {
        return response(StatusCode::NOT_FOUND, TEXT, "not found\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refused = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
        return with(refused, ALLOW, "GET, HEAD");
    }
    match path {
        "/metrics" => metrics(request, exposure),
        "/healthz" => match exposure.health() {
            Ok(()) => response(StatusCode::OK, TEXT, "ok\n"),
            Err(reason) => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, reason + "\n"),
        },
        _ => {
            let page = response(StatusCode::OK, HTML, exposure.landing());
            let policy = "default-src 'none'; style-src 'unsafe-inline'";
            with(page, CONTENT_SECURITY_POLICY, policy)
        }
    }
}

fn metrics<B>(request: &Request<B>, exposure: &mut Exposure) -> Response<Full<Bytes>> {
    let accepted = request.headers().get_all(ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accepted.join(","));
    let answer = match exposure.metrics(format) {
        Some(text) => response(StatusCode::OK, format.content_type(), text),
        None => {
            let reason = "nothing has been counted yet\n";
            response(StatusCode::SERVICE_UNAVAILABLE, TEXT, reason)
        }
    };
    with(answer, VARY, "accept")
}

fn response(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let response = with(response, CONTENT_TYPE, kind);
    let response = with(response, CACHE_CONTROL, "no-store");
    with(response, X_CONTENT_TYPE_OPTIONS, "nosniff")
}

fn with(
    mut response: Response<Full<Bytes>>,
    name: HeaderName,
    value: &'static str,
) -> Response<Full<Bytes>> {
    let value = HeaderValue::from_static(value);
    response.headers_mut().insert(name, value);
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::{Request, StatusCode};

    use super::{Exposure, answer};

    fn status(exposure: &mut Exposure, method: &str, path: &str) -> StatusCode {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        answer(&request, exposure).status()
    }

    #[test]
    fn paths_and_methods() {
        let mut exposure = Exposure::new(Duration::from_secs(60));
        for (method, path, expected) in [
            ("GET", "/", 200),
            ("HEAD", "/", 200),
            ("POST", "/", 405),
            ("DELETE", "/metrics", 405),
            ("GET", "/metrics", 503),
            ("GET", "/healthz?verbose", 503),
            ("GET", "/metrics/", 404),
            ("POST", "/etc/passwd", 404),
            ("GET", "//", 404),
        ] {
            assert_eq!(
                status(&mut exposure, method, path),
                expected,
                "{method} {path}"
            );
        }
    }
}
