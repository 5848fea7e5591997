(function () {
  var banners = document.querySelectorAll("[data-valid-until]");
  function check() {
    var next = Infinity;
    banners.forEach(function (banner) {
      var left = Date.parse(banner.getAttribute("data-valid-until")) - Date.now();
      if (left > 0) return (next = Math.min(next, left));
      banner.hidden = false;
      (banner.closest(".region") || document.body).classList.add("outdated");
    });
    if (next < Infinity) setTimeout(check, Math.min(next, 600000));
  }
  check();
})();
