# hook call
f0:
    mov %r7, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r6, [%r1]
    mov %r1, %r6
    add %r1, 24
    jgt %r1, %r2, i23
    ldxw %r3, [%r6+16]
    lsh %r3, 4
    mov %r4, %r10
    add %r4, -16
    mov %r1, %r6
    mov %r2, 16
    call 1
    ldxdw %r1, [%r10-16]
    ldxdw %r2, [%r10-8]
    sub %r2, %r1
    rsh %r2, 4
    ldxw %r7, [%r6+20]
    jgt %r2, %r7, i20
    mov %r7, %r2
i20:
    mov %r2, %r7
    lsh %r2, 4
    call 8
i23:
    mov %r0, %r7
    exit
