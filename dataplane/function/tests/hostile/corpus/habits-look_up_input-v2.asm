# hook call
f0:
    ldxdw %r3, [%r1]
    ldxdw %r2, [%r1+8]
    sub %r2, %r3
    mov %r6, 0
    mov %r4, %r10
    add %r4, -16
    mov %r1, %r3
    mov %r3, 0
    call 1
    jslt %r0, 8, i17
    mov %r6, 1
    ldxdw %r1, [%r10-16]
    mov %r2, %r1
    add %r2, 8
    ldxdw %r3, [%r10-8]
    jgt %r2, %r3, i17
    ldxdw %r6, [%r1]
i17:
    mov %r0, %r6
    exit
